import pytest

from logweir_service.journal import Journal

from .written import commit, only_segment, recovered


@pytest.mark.fault(3)
def test_tail_torn_at_every_byte_is_cut_and_nothing_before_it_is_lost(journal, folder):
    commit(journal, [b'{"a":1}'])
    whole = only_segment(folder).stat().st_size
    commit(journal, [b'{"b":2}', b'{"c":3}'])
    journal.close()
    content = only_segment(folder).read_bytes()
    for size in range(whole, len(content)):
        only_segment(folder).write_bytes(content[:size])
        again, report, lines = recovered(folder)
        again.close()
        assert lines == [b'{"a":1}']
        assert report.torn_tail_bytes == size - whole
        assert only_segment(folder).stat().st_size == whole


@pytest.mark.fault(4)
@pytest.mark.parametrize("tail", [b"\0" * 600, b"garbage" * 90, b'{"_commit":{"lsn":2}}\n'])
def test_garbage_behind_the_last_batch_is_cut(journal, folder, tail):
    commit(journal, [b'{"a":1}'])
    journal.close()
    with only_segment(folder).open("ab") as file:
        file.write(tail)
    again, report, lines = recovered(folder)
    again.close()
    assert (lines, report.torn_tail_bytes) == ([b'{"a":1}'], len(tail))


@pytest.mark.fault(4)
def test_flipped_byte_anywhere_in_the_last_batch_is_noticed(journal, folder):
    commit(journal, [b'{"a":1}'])
    whole = only_segment(folder).stat().st_size
    commit(journal, [b'{"b":2}'])
    journal.close()
    content = only_segment(folder).read_bytes()
    for place in range(whole, len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        only_segment(folder).write_bytes(flipped)
        again, _, lines = recovered(folder)
        again.close()
        assert lines == [b'{"a":1}'], f"byte {place - whole} of the batch was not covered"


def test_header_that_never_became_whole_is_written_again(journal, folder):
    journal.close()
    path = only_segment(folder)
    header = path.read_bytes()
    for size in range(len(header)):
        path.write_bytes(header[:size])
        again, _, _ = recovered(folder)
        again.close()
        assert path.read_bytes() == header


@pytest.mark.fault(5)
def test_damage_in_a_sealed_segment_is_told_and_the_others_are_read(folder):
    journal = Journal(folder, max_segment_bytes=300)
    journal.recover(lambda located, segment: None)
    for number in range(9):
        commit(journal, [b'{"n":%d}' % number])
    journal.close()
    sealed = sorted(folder.journal.glob("*.ndjson"))[1]
    sealed.write_bytes(sealed.read_bytes().replace(b'{"n":', b'{"m":'))
    again, report, lines = recovered(folder)
    again.close()
    assert len(report.damaged) == 1
    assert str(sealed) in report.damaged[0]
    assert len(report.missing) == 1
    assert b'{"n":0}' in lines
    assert b'{"n":8}' in lines


def test_commits_behind_a_damaged_sealed_segment_survive_the_next_restart(folder):
    journal = Journal(folder, max_segment_bytes=300)
    journal.recover(lambda located, segment: None)
    for number in range(6):
        commit(journal, [b'{"n":%d}' % number])
    journal.close()
    *_, sealed, last = sorted(folder.journal.glob("*.ndjson"))
    content = last.read_bytes()
    last.write_bytes(content[: content.index(b"\n") + 1])  # only its header
    sealed.write_bytes(sealed.read_bytes().replace(b'{"n":', b'{"m":'))
    again, _, _ = recovered(folder)
    commit(again, [b'{"after":1}'])
    assert [batch.lines for batch in again.batches(again.last_lsn - 1)] == [b'{"after":1}\n']
    again.close()
    third, report, lines = recovered(folder)
    third.close()
    assert lines[-1] == b'{"after":1}'
    assert report.torn_tail_bytes == 0


def test_missing_segment_is_told(folder):
    journal = Journal(folder, max_segment_bytes=300)
    journal.recover(lambda located, segment: None)
    for number in range(9):
        commit(journal, [b'{"n":%d}' % number])
    journal.close()
    sorted(folder.journal.glob("*.ndjson"))[1].unlink()
    again, report, _ = recovered(folder)
    again.close()
    assert report.damaged == ()
    assert len(report.missing) == 1
    assert "commits 3 to 4 are missing" in report.missing[0]


@pytest.mark.fault(5)
def test_durable_batches_behind_a_damaged_one_in_the_last_segment_are_kept(journal, folder):
    for number in range(4):
        commit(journal, [b'{"n":%d}' % number])
    journal.close()
    content = only_segment(folder).read_bytes()
    damaged = content.replace(b'{"n":1}', b'{"n":7}')
    only_segment(folder).write_bytes(damaged)
    again, report, lines = recovered(folder)
    assert lines == [b'{"n":0}', b'{"n":2}', b'{"n":3}']
    (aside,) = folder.journal.glob("*.corrupt")
    assert aside.read_bytes() == damaged
    assert aside.name in report.damaged[0]
    assert "commits 2 to 2 are missing" in report.missing[0]
    assert report.torn_tail_bytes == 0
    commit(again, [b'{"n":9}'])
    again.close()
    third, report, lines = recovered(folder)
    third.close()
    assert lines[-1] == b'{"n":9}'
    assert report.damaged == ()


@pytest.mark.fault(4)
def test_group_of_which_a_part_never_reached_the_disk_is_torn_and_no_damage(journal, folder):
    commit(journal, [b'{"n":0}'])
    whole = only_segment(folder).read_bytes()
    commit(journal, [b'{"n":1}'], [b'{"n":2}'])
    journal.close()
    content = only_segment(folder).read_bytes()
    only_segment(folder).write_bytes(content.replace(b'{"n":1}', b"\0" * 7))
    again, report, lines = recovered(folder)
    again.close()
    assert lines == [b'{"n":0}']
    assert (report.damaged, report.missing) == ((), ())
    assert report.torn_tail_bytes == len(content) - len(whole)
    assert only_segment(folder).read_bytes() == whole


def test_commit_out_of_order_is_damage(journal, folder):
    commit(journal, [b'{"a":1}'])
    whole = only_segment(folder).read_bytes()
    commit(journal, [b'{"b":2}'])
    journal.close()
    second = only_segment(folder).read_bytes()[len(whole) :]
    only_segment(folder).write_bytes(whole + second + second)
    again, report, lines = recovered(folder)
    again.close()
    assert lines == [b'{"a":1}', b'{"b":2}']
    assert report.torn_tail_bytes == len(second)
