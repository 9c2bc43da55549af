from __future__ import annotations

import pytest
import torch

from tests.training.models.contract import rows_of
from training.models.user_pairs import drawn_partners, iou_of, partner_odds

IOU = torch.tensor([[1.0, 0.6, 0.2, 0.0], [0.6, 1.0, 0.1, 0.3], [0.2, 0.1, 1.0, 0.0], [0.0, 0.3, 0.0, 1.0]])
N_DRAWS = 20_000
CHI_SQUARE = 16.3
"""At two degrees of freedom (three partners) exceeded by chance with a probability of 0.0003."""


def test_iou_of_hand_made_histories_is_exact() -> None:
    """{0,1,2,3}, {2,3}, {3,4,9}, nothing, {2,3}."""
    found = iou_of(rows_of(([0, 1, 2, 3], [2, 3], [3, 4, 9], [], [3, 2])))
    expected = [
        [1.0, 1 / 2, 1 / 6, 0.0, 1 / 2],
        [1 / 2, 1.0, 1 / 4, 0.0, 1.0],
        [1 / 6, 1 / 4, 1.0, 0.0, 1 / 4],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [1 / 2, 1.0, 1 / 4, 0.0, 1.0],
    ]
    assert torch.equal(found, torch.tensor(expected))


def test_iou_of_batches_without_items_is_zero() -> None:
    assert torch.equal(iou_of(rows_of(([], []))), torch.zeros(2, 2))
    assert iou_of(rows_of(())).shape == (0, 0)


@pytest.mark.parametrize("positive", [0.0, 0.3, 1.0])
def test_partner_odds_are_the_mixture_and_nobody_is_his_own_partner(positive: float) -> None:
    odds = partner_odds(IOU, positive=positive)
    alike, unlike = torch.tensor([0.0, 0.6, 0.2, 0.0]) / 0.8, torch.tensor([0.0, 0.4, 0.8, 1.0]) / 2.2
    torch.testing.assert_close(odds[0], positive * alike + (1 - positive) * unlike)
    torch.testing.assert_close(odds.sum(dim=1), torch.ones(4))
    assert torch.equal(odds.diagonal(), torch.zeros(4))


def test_partner_odds_without_anybody_alike_or_unlike_take_what_there_is() -> None:
    third = torch.full((3, 3), 0.5) - 0.5 * torch.eye(3)
    for iou in (torch.eye(3), torch.ones(3, 3)):
        for positive in (0.0, 0.4, 1.0):
            odds = partner_odds(iou, positive=positive)
            torch.testing.assert_close(odds / odds.sum(dim=1, keepdim=True), third)


def chi_square(odds: torch.Tensor, positive: float) -> float:
    """The worst row's statistic of partners drawn by `odds` against the definition with `positive`, written out."""
    drawn = torch.stack([drawn_partners(odds) for _ in range(N_DRAWS)])
    worst = 0.0
    for row in range(len(IOU)):
        others = [j for j in range(len(IOU)) if j != row]
        alike = IOU[row, others] / IOU[row, others].sum()
        unlike = (1 - IOU[row, others]) / (1 - IOU[row, others]).sum()
        expected = N_DRAWS * (positive * alike + (1 - positive) * unlike)
        seen = torch.bincount(drawn[:, row], minlength=len(IOU))[others]
        worst = max(worst, float(((seen - expected).square() / expected).sum()))
    return worst


def test_partners_are_drawn_as_often_as_defined() -> None:
    torch.manual_seed(0)
    assert chi_square(partner_odds(IOU, positive=0.3), 0.3) < CHI_SQUARE
    assert chi_square(partner_odds(IOU, positive=0.35), 0.3) > CHI_SQUARE, "the control: another p is seen"
    assert chi_square(torch.ones(4, 4) - torch.eye(4), 0.3) > CHI_SQUARE, "the control: so are partners at random"


def test_partners_follow_from_the_seed() -> None:
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(drawn_partners(partner_odds(IOU.repeat(8, 8), positive=0.5)))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
