from chassis.backoff import doubling_s


def test_pauses_double_up_to_the_longest():
    assert [doubling_s(failures) for failures in (0, 1, 2, 3, 7, 5_000)] == [0.5, 0.5, 1, 2, 30, 30]
    assert [doubling_s(failures, 60, 3600) for failures in (1, 2, 7, 9)] == [60, 120, 3600, 3600]
