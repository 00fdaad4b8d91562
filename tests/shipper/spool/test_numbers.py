"""An adopted stream goes on with the number at which its dead process was."""

from __future__ import annotations

from pathlib import Path

from logweir.spool.stream import Stream

LINE = b'{"event":"order.placed"}\n'


def write(stream: Stream, count: int) -> None:
    """Events in a segment of their own."""
    if stream.segments:
        stream.segments[-1].seal()
    segment = stream.add_segment(8192, mapped=True)
    assert segment.writer is not None
    for _ in range(count):
        assert segment.writer.append(LINE)
    stream.segments.append(segment)


def deliver(stream: Stream, count: int) -> None:
    """As many of the first events as are acknowledged at once."""
    batch = stream.front(max_lines=count, max_bytes=1 << 20)
    assert sum(chunk.lines for chunk in batch) == count
    stream.release(batch)


def number_after_death(stream: Stream) -> int:
    stream.close()
    adopted = Stream.adopt(stream.folder)
    assert adopted is not None
    number = adopted.next_number
    adopted.close()
    return number


def test_segment_that_follows_a_delivered_one_keeps_the_number_of_its_first_event(tmp_path: Path) -> None:
    stream = Stream.create(tmp_path)
    write(stream, 7)
    deliver(stream, 7)
    write(stream, 5)
    deliver(stream, 2)
    assert number_after_death(stream) == 10


def test_batch_over_two_segments_keeps_the_number_of_the_second(tmp_path: Path) -> None:
    stream = Stream.create(tmp_path)
    write(stream, 7)
    write(stream, 5)
    deliver(stream, 9)
    assert number_after_death(stream) == 10
