"""What the grids of profile `paper` would take on a GPU: a calculation, not a measurement."""

from __future__ import annotations

from dataclasses import dataclass

from frugal_lib.profiles import Profile


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet: FP32 in TFLOP/s (without tensor cores) and memory in GB."""

    name: str
    tflops: float
    memory_gb: float


@dataclass(frozen=True)
class Architecture:
    """A GPT-2: blocks, width, vocabulary, context."""

    layers: int
    width: int
    vocabulary: int = 50_257
    context: int = 1024

    @property
    def backbone(self) -> int:
        """Parameters of the blocks: 12 width² each, and biases and norms."""
        return self.layers * (12 * self.width**2 + 13 * self.width)

    @property
    def parameters(self) -> int:
        """All parameters; the embedding serves as the output layer too."""
        return self.backbone + (self.vocabulary + self.context) * self.width + 2 * self.width


GPUS = (Gpu("L4", 30.3, 24), Gpu("T4", 8.1, 16))  # NVIDIA's data sheets
GPT2 = Architecture(layers=12, width=768)
UTILISATION = 0.4  # of the data sheet's rate; an assumption
CHARACTERS_PER_TOKEN = 4.2  # of GPT-2's tokenizer on English: 117 MB of the corpus are about 28 M tokens
BYTES_PER_PARAMETER = 16  # FP32 weight, gradient, and AdamW's two moments
KEPT_PER_TOKEN = 34  # numbers of `width` kept a token and block for the backward pass (Korthikanti et al. 2022)


def training_flops(model: Architecture, tokens: float, answers: float) -> float:
    """Operations to train on `tokens`: 6 a parameter of the blocks and token, and 6 a weight of the
    output layer for each of `answers`, the tokens that are predicted (Kaplan et al. 2020)."""
    return 6 * (model.backbone * tokens + model.vocabulary * model.width * answers)


def minutes(flops: float, gpu: Gpu) -> float:
    """How long `flops` take at the assumed utilisation."""
    return flops / (gpu.tflops * 1e12 * UTILISATION) / 60


def memory_gb(model: Architecture, batch: int, length: int, answers: int) -> float:
    """Peak memory of full fine-tuning in FP32: weights and optimizer, activations, and the scores of
    `answers` tokens a text over the vocabulary, with their gradient. Attention is taken to be fused."""
    kept = KEPT_PER_TOKEN / 2 * 4 * model.width * model.layers * batch * length  # 34 counts bytes of FP16
    scores = 2 * 4 * model.vocabulary * batch * answers
    return (BYTES_PER_PARAMETER * model.parameters + kept + scores) / 1e9


@dataclass(frozen=True)
class Cost:
    """One task's grid: runs, tokens an epoch, operations of all runs, memory of the largest batch."""

    task: str
    runs: int
    epochs: int
    tokens: float
    flops: float
    memory_gb: float


def grid_cost(task: str, profile: Profile, examples: int, characters: float, longest: int) -> Cost:
    """What full fine-tuning of one task takes under `profile`, if no run stops early.

    Args:
        examples: in the training split.
        characters: of all of them together.
        longest: tokens of the longest, at most the context.
    """
    tokens = characters / CHARACTERS_PER_TOKEN
    if task == "sonnets":
        grid = profile.sonnets
        settings, sizes, epochs, answers, per_text = (
            len(grid.learning_rates),
            (grid.batch_size,),
            grid.epochs,
            tokens,
            longest,
        )
    else:
        grid, search = profile.labelled[task], profile.labelled[task].methods["full"]
        settings, sizes, epochs = (
            len(search.learning_rates) * len(search.batch_sizes),
            search.batch_sizes,
            search.epochs,
        )
        answers, per_text = (examples, 1) if task == "quora" else (0, 0)
    runs = settings + grid.seeds - 1
    flops = runs * epochs * training_flops(GPT2, tokens, answers)
    return Cost(task, runs, epochs, tokens, flops, memory_gb(GPT2, max(sizes), longest, per_text))
