"""Records of chapter 4 that no run made."""

from fakes.quantization import pairs
from fakes.records import ENVIRONMENT, fake_lengths
from frugal_lib.core.runs import Record
from frugal_lib.tasks import students

SIZE = 1200


def audit(run):
    """A teacher of whose sonnets a few share something with dev or test; none of the human ones."""
    held = [int(run.teacher != "human" and i % 100 == 7) for i in range(SIZE)]
    columns = {"held_out": held, "lines": [14] * SIZE, "pairs": [1.0] * SIZE, "iambic": [1.0] * SIZE,
               "first": list(range(SIZE)), "perfect": [1] * SIZE, "scheme": ["ABABCDCDEFEFGG"] * SIZE,
               "unknown": [0.0] * SIZE, "rhyme_share": [1.0] * SIZE, "words": [100] * SIZE,
               "covered": [90 * h for h in held]}  # fmt: skip
    columns |= {f"{kind}_{split}": [h * 12 * (split == "dev") for h in held] if kind == "verbatim" else [0] * SIZE
                for kind in ("verbatim", "near") for split in students.SPLITS}  # fmt: skip
    rows = [{"kind": "column", "name": name, "values": values} for name, values in columns.items()]
    lines = 12 * sum(held)
    rows += [
        {"kind": "target", "id": i, "split": "dev", "lines": lines if i == 138 else 0, "near": 0} for i in (137, 138)
    ]
    return Record(run, "ok", {"items": SIZE}, rows, [], ENVIRONMENT)


LOSS = {"": 3.0, "offline": 3.0, "flash-lite": 2.95, "flash": 2.8, "pro": 2.9, "human": 2.9}


LEAK = {138: -0.2, 146: -0.2}  # of students of Flash as released


def fake(run, extra):
    """A record of a dozen dev and ten test sonnets; what a test adds to (teacher, items, selection) is on top."""
    if run.method == "audit":
        return audit(run)
    if run.method == "floor-lengths":
        return fake_lengths(run, {"dev": range(132, 144), "test": range(145, 155)})
    if run.method == "released-generations":
        rows = [
            {"model": model, "split": split, "id": i, "chrf": 97.0 if model == "flash" and i in (138, 146) else 41.0,
             "chrf_continuation": 30.0, "corpus_chrf": 97.0 if model == "flash" and i in (138, 146) else 41.0,
             "characters": 8}
            for model, split, ids in (
                ("full fine-tuning", "dev", range(132, 144)), ("flash-lite", "dev", range(132, 144)),
                ("flash", "dev", range(132, 144)), ("flash", "test", range(145, 157)),
            ) for i in ids
        ]  # fmt: skip
        splits = (*((model, "dev") for model in ("full fine-tuning", "flash-lite", "flash")), ("flash", "test"))
        metrics = {f"{m}_{s}_chrf{end}": 41.0 for m, s in splits for end in ("", "_without_copies")}
        return Record(run, "ok", metrics, rows, [], ENVIRONMENT)
    own = LOSS[run.teacher] + extra.get((run.teacher, run.items, run.selection), 0.0) if run.learning_rate else 3.2
    examples = []
    for split, ids in (("dev", range(132, 144)), ("test", range(145, 155))):
        for i in ids:
            leak = LEAK.get(i, 0.0) if (run.teacher, run.selection) == ("flash", "") else 0.0
            nll = 100 * (own + leak + 0.1 * (i % 3 - 1) + 0.002 * ((i + run.seed) % 3 - 1))
            row = {"kind": "likelihood", "split": split, "id": i, "nll": nll, "tokens": 100, "characters": 400}
            score = dict.fromkeys(("chrf", "corpus_chrf"), 40.0 + i % 3 + 0.1 * run.seed)
            text = {"kind": "completion", "split": split, "id": i, "sample": 0, "text": "<script>alert(1)</script>"}
            examples += [row, text | score]
    if run.pairs:
        examples += [pairs(run, task, 0.0) for task in ("quora", "mrpc")]
        for genre in ("prose", "verse"):
            values = [(str(i), 100 * (2 + 0.1 * i + 0.001 * ((i + run.seed) % 3))) for i in range(12)]
            examples += [{"kind": "text", "genre": genre, "id": n, "nll": x, "characters": 100} for n, x in values]
    metrics = {"dev_rhyme_share": 0.1, "dev_chrf": 41.0, "lessons": float(run.items), "parameters": 1e6}
    return Record(run, "ok", metrics, examples, [{"epoch": 1}] if run.learning_rate else [], ENVIRONMENT)
