import fcntl
import os

from logweir_service.status.owner import owner


def test_the_process_that_holds_the_lock_is_told_and_not_disturbed(tmp_path):
    lock = tmp_path / "LOCK"
    lock.write_text(f"{os.getpid()}\n")
    assert owner(lock) is None
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert owner(lock) == os.getpid()
    assert owner(lock) is None


def test_a_lock_of_another_file_is_none_of_this_one(tmp_path):
    (tmp_path / "other").write_text("")
    lock = tmp_path / "LOCK"
    lock.write_text(f"{os.getpid()}\n")
    with (tmp_path / "other").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert owner(lock) is None


def test_a_folder_without_a_lock_has_no_owner(tmp_path):
    assert owner(tmp_path / "LOCK") is None
    (tmp_path / "LOCK").write_text("")
    assert owner(tmp_path / "LOCK") is None
    (tmp_path / "LOCK").write_bytes(b"\xff")
    assert owner(tmp_path / "LOCK") is None
