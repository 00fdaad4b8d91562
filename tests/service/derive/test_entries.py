import sys

from logweir_service.derive.entries import EntryCache


def test_what_was_emptied_is_freed_while_others_are_added():
    cache = EntryCache(100, lambda: None)
    entries, remember = cache.program(["route"], width=1)
    cell = [0]
    for number in range(100):
        remember((f"/{number}",))[0] = cell
    remember(("/one too many",))
    assert [*entries] == [("/one too many",)]
    assert sys.getrefcount(cell) > 2 + 30, "freed at once"
    for number in range(4):
        remember((f"/new/{number}",))
    assert sys.getrefcount(cell) == 2
