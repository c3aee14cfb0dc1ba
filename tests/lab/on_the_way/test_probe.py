"""Two looks at the same flows are one."""

from lab.on_the_way.probe import Kept, Look, Run


def test_runs_that_end_alike_are_joined_and_others_follow() -> None:
    first = Look({1: (Run(True, 2, 1.0, 1.1, 0.1),), 2: (Run(True, 1, 1.0, 1.0, 0.0),)}, {}, (1.0, 1.1))  # noqa: FBT003
    later = Look({1: (Run(True, 1, 3.0, 3.0, 0.0),), 2: (Run(False, 1, 3.0, 3.0, 0.0),)}, {}, (3.0,))  # noqa: FBT003

    joined = first.continued(later).runs

    assert joined[1] == (Run(True, 3, 1.0, 3.0, 1.9),)  # noqa: FBT003
    assert [run.passed for run in joined[2]] == [True, False]


def test_the_longest_silence_of_a_kept_connection_stays_and_its_end_is_that_of_now() -> None:
    first = Look({}, {1: Kept(2.0, 0.1, "", answered=True)}, ())
    later = Look({}, {1: Kept(0.5, 0.2, "closed", answered=True)}, ())

    assert first.continued(later).kept == {1: Kept(2.0, 0.2, "closed", answered=True)}
