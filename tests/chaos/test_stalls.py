"""The longest stall: only time with work counts, and what one of the three does is no excuse for another."""

from tests.chaos.stalls import Stage, Stalls


def _after(*looks: tuple[float, int, bool]) -> float:
    stage = Stage()
    for now, done, work in looks:
        stage.look(done, work, now)
    return stage.longest


def test_time_without_work_is_no_stall() -> None:
    assert _after((0, 5, False), (60, 5, False), (61, 5, True), (62, 6, True)) == 1


def test_time_with_work_before_it_is_one_also_if_it_ended_between_two_looks() -> None:
    assert _after((0, 5, True), (1, 6, True), (9, 6, True), (10, 7, True), (11, 8, True)) == 9
    assert _after((0, 5, True), (7, 9, False), (60, 9, False)) == 7


def test_a_stall_that_goes_on_counts_as_far_as_it_is() -> None:
    stage = Stage()
    assert [stage.look(3, True, now) for now in (10.0, 11.0, 14.0)] == [0, 1, 4]
    assert stage.longest == 4


def test_one_that_stands_still_shows_while_the_others_move() -> None:
    stalls = Stalls()
    for second in range(10):
        stalls.accepted.look(second, True, second)
        stalls.tracked.look(second, True, second)
        stalls.folded.look(0, True, second)
    assert (stalls.accepted.longest, stalls.tracked.longest, stalls.folded.longest) == (1, 1, 9)
    assert stalls.longest == 9
    assert stalls.line() == "accepted 1.0 s, tracked 1.0 s, folded 9.0 s"
