import numpy as np

from services.metrics_ingest.domain.points import Points


def test_blocks_and_key_order() -> None:
    column = np.array([4_097, 1, 4_095, 4_096], np.int32)
    one, zeros = np.ones(4, np.int32), np.zeros(4)
    points = Points(one, one, column, one, zeros, zeros).in_key_order()
    assert points.step.tolist() == [1, 4_095, 4_096, 4_097]
    assert points.blocks() == [(1, 0), (1, 1)]


def test_points_of_each_job_are_counted() -> None:
    jobs, zeros = np.array([7, 3, 7, 7], np.int32), np.zeros(4)
    points = Points(jobs, jobs, jobs, jobs, zeros, zeros)
    assert points.per_job() == {3: 1, 7: 3}
