"""How fast a model trains on the sonnets, beside what this machine's matrix products reach."""

from __future__ import annotations

from torch import nn

from frugal_lib.core.runs import Run
from frugal_lib.core.timing import gemm_rate
from frugal_lib.data import sonnets
from frugal_lib.metrics import likelihood
from frugal_lib.models import bases, train


def training_rate(run: Run, model: nn.Module, device: str) -> dict[str, float]:
    """Tokens per second of `train.fine_tune`, and 6 x parameters x that beside the matrix products.

    Six floating-point operations a parameter and token is the convention of Kaplan et al. 2020 for a
    forward and a backward pass of which all parameters are trained. Padding is not counted as work, and matrix
    products are measured before and after, in this process, on as many threads.
    """
    tokenizer = bases.load_tokenizer(run.base)
    texts = [sonnet.text for sonnet in sonnets.load_sonnets(run.edition).train[: run.train_limit]]
    examples = likelihood.language_examples(texts, tokenizer)
    schedule = train.Schedule(run.learning_rate, run.epochs, run.batch_size, run.epochs, run.weight_decay, run.seed)
    objective = train.Objective(
        collate=lambda rows: likelihood.collate(rows, tokenizer.eos_token_id),
        evaluate=lambda model: {"dev_loss": 0.0},  # training alone is timed
    )
    before = gemm_rate(device)
    _, seconds = train.fine_tune(model, examples, schedule, objective, device)
    gemm = (before + gemm_rate(device)) / 2
    tokens = run.epochs * sum(len(example["input_ids"]) for example in examples)
    rate = 6 * model.num_parameters() * tokens / seconds / 1e9
    return {
        "gemm_gflops": gemm,
        "training_gflops": rate,
        "share_of_gemm": rate / gemm,
        "tokens_per_second": tokens / seconds,
        "parameters": model.num_parameters(),
    }
