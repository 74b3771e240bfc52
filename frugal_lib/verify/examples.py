"""Does every metric of a record follow from the record's own examples?

What each kind of example determines is computed from it once more, with the functions that the run
itself used; texts are scored against the true sonnets where this machine has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

import numpy as np

from frugal_lib.core.fetch import DataError
from frugal_lib.core.runs import Record
from frugal_lib.data import labelled as labelled_data
from frugal_lib.data import overlap
from frugal_lib.data.sonnets import public_domain
from frugal_lib.metrics import generality
from frugal_lib.models import bases
from frugal_lib.tasks import classify, completion, recall
from frugal_lib.verify.again import ROUNDED, TIES, Again, close, of_kind, same


def place(row: Mapping) -> tuple:
    """What names a completion or a likelihood within its record."""
    return row["kind"], row["split"], row["id"], row.get("sample")


def completions(record: Record) -> Again:
    """Scores of texts against the true sonnets, and losses of the true lines."""
    rows, losses = of_kind(record, "completion"), of_kind(record, "likelihood")
    again, by_split = Again(), losses_by_split(losses)
    try:
        _, held_out = completion.splits_of(record.run)
    except DataError as error:
        again.untried.append(f"texts against the true sonnets ({error})")
        for split in completion.SPLITS:
            if scored := [row for row in rows if row["split"] == split]:
                again.metrics |= {f"{split}_{k}": v for k, v in completion.averages(scored).items()}
        again.metrics |= completion.likelihoods(by_split).metrics
        return again
    texts = {split: texts_of(rows, split) for split in held_out}
    if any(len(sample) != len(held_out[split]) for split, samples in texts.items() for sample in samples):
        return Again(wrong=["its completions are not one for each held-out sonnet and sample"])
    found = {split: [{k: row[k] for k in LOSS} for row in part] for split, part in by_split.items()}
    result = completion.collect(held_out, texts, found)
    again.metrics = result.metrics
    again.wrong = compare_rows([*rows, *losses], result.examples)
    lengths = {(split, s.id): len(s.continuation) for split, part in held_out.items() for s in part}
    again.wrong += [
        f"characters of {row['split']} {row['id']}: {row['characters']}, but the sonnet has {true}"
        for row in losses
        if (true := lengths.get((row["split"], row["id"]))) != row["characters"]
    ]
    return again


LOSS = ("id", "nll", "tokens", "characters")


def losses_by_split(rows: Sequence[dict]) -> dict[str, list[dict]]:
    """The losses of each split that has some."""
    found = {split: [row for row in rows if row["split"] == split] for split in completion.SPLITS}
    return {split: part for split, part in found.items() if part}


def texts_of(rows: Sequence[dict], split: str) -> list[list[str]]:
    """The texts of a split as `sonnets.collect` takes them: [sample][sonnet]."""
    samples: dict[int, list[str]] = {}
    for row in rows:
        if row["split"] == split:
            samples.setdefault(row["sample"], []).append(row["text"])
    return list(samples.values())


def compare_rows(stored: Sequence[dict], computed: Sequence[dict]) -> list[str]:
    """Where stored examples differ from those that were computed of their texts."""
    known = {place(row): row for row in computed}
    if len(known) != len(stored) or known.keys() != {place(row) for row in stored}:
        return ["its examples are not one for each held-out sonnet"]
    return [
        f"{name} of {' '.join(map(str, place(row)))}: {row.get(name)} in the file, {value} from its text"
        for row in stored
        for name, value in known[place(row)].items()
        if not same(row.get(name), value)
    ]


def likelihoods(record: Record) -> Again:
    """Losses of the true lines, where nothing was sampled: one for each held-out sonnet."""
    _, held_out = completion.splits_of(record.run)
    found = losses_by_split(of_kind(record, "likelihood"))
    wrong = [
        f"its losses are not one for each held-out sonnet of {split}"
        for split, part in held_out.items()
        if [(r["id"], r["characters"]) for r in found.get(split, ())] != [(s.id, len(s.continuation)) for s in part]
    ]
    return Again(completion.likelihoods(found).metrics, wrong)


def kept_epoch(record: Record) -> Again:
    """The loss of the kept weights is that of the best epoch, or of the last where that one is kept."""
    losses = [row["dev_loss"] for row in record.history[1:]]
    return Again({"dev_nll": min(losses) if record.run.keep == "best" else losses[-1]}, tolerance=ROUNDED)


def draws(record: Record) -> Again:
    """Mean and spread of the draws of a floor."""
    return Again(completion.draw_metrics([row["chrf"] for row in record.examples]))


def lengths(record: Record) -> Again:
    """The floor of texts as long as the true ones, of the floors by length."""
    return Again(completion.length_metrics(record.examples))


def from_logits(record: Record) -> dict[str, float]:
    """Losses, accuracies and areas under the curve of each split, from logits and labels."""
    found = {}
    for split in dict.fromkeys(row["split"] for row in record.examples):
        rows = [row for row in record.examples if row["split"] == split]
        measured = classify.measure(np.array([row["logits"] for row in rows]), np.array([row["label"] for row in rows]))
        found |= {f"{split}_{name}": value for name, value in measured.items()}
    return found


def labels(record: Record) -> Again:
    """Losses and accuracies from logits and labels; predictions from logits."""
    again = true_labels(record)
    again.metrics = {name: value for name, value in from_logits(record).items() if not name.endswith("_auroc")}
    again.wrong += [
        f"prediction of {row['split']} {row['id']}: {row['prediction']}, but its logits say {answer}"
        for row in record.examples
        if row["prediction"] != (answer := int(np.argmax(row["logits"])))
    ]
    return again


def areas(record: Record) -> Again:
    """The area under the curve of each split, from logits and labels."""
    found = from_logits(record).items()
    return Again({name: value for name, value in found if name.endswith("_auroc")}, tolerance=TIES)


def true_labels(record: Record) -> Again:
    """The labels of the data set, where this machine has it."""
    run, again = record.run, Again(tolerance=ROUNDED)
    try:
        data = labelled_data.load(run.task, run.edition)
    except DataError as error:
        again.untried.append(f"labels against the data ({error})")
        return again
    known = {split: {example.id: example.label for example in data.split(split)} for split in ("dev", "test")}
    again.wrong += [
        f"label of {row['split']} {row['id']}: {row['label']}, but the data say {true}"
        for row in record.examples
        if (true := known[row["split"]].get(row["id"])) != row["label"]
    ]
    return again


def checks(record: Record) -> Again:
    """Generality: areas and accuracies from the scores of pairs, bits per character from the losses of texts."""
    return Again(generality.metrics_of(record.examples))


def recalled(record: Record) -> Again:
    """What stands in the completions of sonnets that a base may know by heart; losses beside other poets' sonnets."""
    again = Again(recall.metrics_of(record.examples))
    for row in of_kind(record, "recall"):
        sonnet = public_domain()[row["id"]]
        true = recall.recalled(sonnet, row["text"]) | {"characters": len(sonnet.continuation)}
        again.wrong += [
            f"{name} of sonnet {row['id']}: {row[name]} in the file, {value} from its text"
            for name, value in true.items()
            if row[name] != value
        ]
    return again


def counts(record: Record) -> Again:
    """A data set in numbers, from its counts of labels and lengths."""
    limit, again = bases.context_length(record.run.base), Again()
    for split in dict.fromkeys(row["split"] for row in record.examples):
        rows = {kind: [r for r in of_kind(record, kind) if r["split"] == split] for kind in ("label", "length")}
        total = sum(row["count"] for row in rows["length"])
        again.metrics |= {
            f"{split}_examples": total,
            f"{split}_tokens": sum(row["tokens"] * row["count"] for row in rows["length"]),
            f"{split}_truncated": sum(r["count"] for r in rows["length"] if r["tokens"] > limit) / max(1, total),
        }
        if (labelled := sum(row["count"] for row in rows["label"])) != total:
            again.wrong.append(f"{split}: {labelled} labels, but {total} lengths")
    return again


def audited(record: Record) -> Again:
    """Totals of an audit from its columns, one value a text."""
    columns = {row["name"]: np.array(row["values"]) for row in of_kind(record, "column")}
    lines = {
        kind: sum(columns[f"{kind}_{split}"] for split in ("train", "dev", "test")) for kind in ("verbatim", "near")
    }
    found = {
        kind: sum(row[key] for row in of_kind(record, "target"))
        for kind, key in (("verbatim", "lines"), ("near", "near"))
    }
    wrong = [
        f"{kind} lines: {n} by target, {lines[kind].sum()} by text"
        for kind, n in found.items()
        if n != lines[kind].sum()
    ]
    metrics = {
        "items": len(columns["lines"]),
        "unique_items": int((columns["first"] == np.arange(len(columns["first"]))).sum()),
        "lines_verbatim": int(lines["verbatim"].sum()),
        "lines_near": int(lines["near"].sum()),
        "items_mostly_verbatim": int((lines["verbatim"] >= overlap.MOSTLY).sum()),
        "token_share": float(columns["covered"].sum() / max(1, columns["words"].sum())),
    }
    return Again(metrics, wrong)


def rows_on_file(record: Record) -> Again:
    """How many rows a released file has."""
    return Again({"runs": len(record.examples)})


def generations(record: Record) -> Again:
    """Corpus scores of released generations, which are means of their shares."""
    again = rows_on_file(record)
    for model, split in dict.fromkeys((row["model"], row["split"]) for row in record.examples):
        shares = [r["corpus_chrf"] for r in record.examples if (r["model"], r["split"]) == (model, split)]
        again.metrics[f"{model}_{split}_chrf"] = float(np.mean(shares))
    return again


def training_rate(record: Record) -> Again:
    """Training speed: operations a second and their share of the matrix products."""
    found = record.metrics
    rate = 6 * found["parameters"] * found["tokens_per_second"] / 1e9
    return Again({"training_gflops": rate, "share_of_gemm": rate / found["gemm_gflops"]})


def trials(record: Record) -> Again:
    """Medians of repeated timings."""
    wrong = []
    for row in record.examples:
        repeated = row.get("trials", [])
        pairs = (
            {"seconds": repeated} if isinstance(repeated, list) else {f"prompts_{k}": v for k, v in repeated.items()}
        )
        wrong += [
            f"{name} of {row.get('method', row.get('format'))}: {row[name]}, but the median is {median(values)}"
            for name, values in pairs.items()
            if values and not close(row[name], median(values))
        ]
    return Again(wrong=wrong)


def rules(record: Record) -> Iterable[Callable[[Record], Again]]:
    """What can be computed again of a record, by what stands in it."""
    run, kinds = record.run, {row.get("kind") for row in record.examples}
    by_kind = {"completion": completions, "draw": draws, "floor": lengths, "label": counts, "column": audited}
    by_kind |= dict.fromkeys(("pairs", "text"), checks) | {"recall": recalled}
    by_method = dict.fromkeys(("released-sweep", "released-zero-shot", "released-reports"), rows_on_file)
    by_method |= {
        "steps": trials,
        "released-generations": generations,
        "speed": trials if record.examples else training_rate,
    }
    yield from dict.fromkeys(rule for kind, rule in by_kind.items() if kind in kinds)
    if "likelihood" in kinds and "completion" not in kinds:
        yield likelihoods
    if run.method in by_method:
        yield by_method[run.method]
    elif record.examples and "logits" in record.examples[0]:
        yield from (labels, areas)
    if len(record.history) > 1 and "likelihood" in kinds and (run.method != "full" or run.format == "fp32"):
        yield kept_epoch  # other formats are made of the kept weights afterwards


def problems(record: Record) -> tuple[list[str], set[str], list[str]]:
    """What is wrong with a record's numbers, which metrics nothing in it determines, and what could not be tried."""
    if record.status != "ok":
        return [], set(), []
    wrong, determined, untried = [], set(), []
    for rule in rules(record):
        try:
            again = rule(record)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, ZeroDivisionError) as error:
            wrong.append(f"its {rule.__name__.replace('_', ' ')} cannot be computed ({type(error).__name__}: {error})")
            continue
        determined |= again.metrics.keys()
        wrong += again.wrong
        untried += again.untried
        wrong += [
            f"metric {name}: {record.metrics.get(name)} in the file, {value:.8g} from its examples"
            for name, value in again.metrics.items()
            if name not in record.metrics or not close(value, record.metrics[name], again.tolerance)
        ]
    return wrong, record.metrics.keys() - determined, untried
