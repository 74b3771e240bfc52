import pytest
import torch

from frugal_lib.models.muon import Muon, in_pieces, orthogonalise


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 16, 64), (2, 64, 16)])
def test_the_singular_values_come_out_near_one_and_the_directions_stay(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalise(matrices)
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    values = torch.linalg.svdvals(found)
    assert found.shape == matrices.shape and found.dtype == torch.float32
    assert values.min() > 0.3 and values.max() < 1.3
    assert torch.nn.functional.cosine_similarity(found.flatten(), (u @ v).flatten(), dim=0) > 0.97


def test_query_key_and_value_are_three_matrices():
    fused = torch.arange(4 * 12.0).reshape(4, 12)
    pieces = in_pieces(fused)
    assert pieces.shape == (3, 4, 4) and torch.equal(pieces[1], fused[:, 4:8])
    assert in_pieces(fused[:, :4]).shape == (1, 4, 4)


def test_a_fused_matrix_takes_the_steps_of_its_parts():
    torch.manual_seed(0)
    parts = [torch.randn(8, 8) for _ in range(3)]
    gradients = [torch.randn(8, 8) for _ in range(3)]
    fused = torch.nn.Parameter(torch.cat(parts, dim=1))
    fused.grad = torch.cat(gradients, dim=1)
    apart = [torch.nn.Parameter(part) for part in parts]
    for p, gradient in zip(apart, gradients, strict=True):
        p.grad = gradient
    Muon([fused], lr=0.1, weight_decay=0.1).step()
    Muon(apart, lr=0.1, weight_decay=0.1).step()
    assert torch.allclose(fused, torch.cat(apart, dim=1), atol=1e-6)


def test_it_solves_a_least_squares_problem():
    torch.manual_seed(0)
    inputs, wanted = torch.randn(256, 16), torch.randn(16, 32)
    weight = torch.nn.Parameter(torch.zeros(16, 32))
    optimizer = Muon([weight], lr=0.2)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.2 * (1 - step / 200)
        optimizer.zero_grad()
        loss = ((inputs @ (weight - wanted)) ** 2).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.02
