"""The appendix on the embedded models as data: what they cost in bits, and how they were trained."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from frugal_lib.core.stats import Interval, mean_interval, ratio_values
from frugal_lib.data.sonnets import EDITIONS, Sonnet, available_edition, load_sonnets
from frugal_lib.metrics import reference_models
from frugal_lib.models import bases
from frugal_lib.models.generate import complete, stream_seed
from frugal_lib.report.cells import cell, compared

SCORER_NAMES = {
    "micro": "micro",
    "nano": "nano",
    "kn5": "Kneser-Ney, order 5",
    "kn4": "Kneser-Ney, order 4",
    "kn3": "Kneser-Ney, order 3",
    "xz": "xz -9e, each work alone",
}
PROSE = "It was late in the evening when the old man came down to the river, and"


def training(base: str) -> dict:
    """How a base was trained: recipe, corpus, machine, seconds, loss curve."""
    return json.loads((bases.ASSETS / base / "training.json").read_text(encoding="utf-8"))


def bits_interval(rows: Sequence[dict], name: str) -> Interval:
    """Bits per character over works or sonnets, which are taken as random draws."""
    bits = [row["bits"][name] for row in rows]
    return mean_interval(ratio_values(bits, [row["characters"] for row in rows]))


def saving(rows: Sequence[dict], name: str, other: str) -> Interval:
    """How many per cent fewer bits `name` needs than `other`, paired by work or sonnet."""
    bits = {key: [row["bits"][key] for row in rows] for key in (name, other)}
    return mean_interval(100 * (1 - ratio_values(bits[name], bits[other])))


def best_ngram(found: dict) -> str:
    """The n-gram model with the fewest bits on the held-out works."""
    names = [name for name in found["works"][0]["bits"] if name.startswith("kn")]
    return min(names, key=lambda name: reference_models.ratio(found["works"], name))


def bits_table(found: dict) -> pd.DataFrame:
    """Bits per character of every model on held-out works and dev sonnets, and the saving on the best n-gram model."""
    return pd.DataFrame([bits_cells(name, found) for name in SCORER_NAMES]).set_index("model")


def bits_cells(name: str, found: dict) -> dict[str, str]:
    """One line of `bits_table`."""
    best = best_ngram(found)
    cells = {"model": SCORER_NAMES[name]}
    for rows, place in ((found["works"], "held-out works"), (reference_models.dev_rows(found), "dev sonnets")):
        known = name in rows[0]["bits"]
        cells[f"{place}: bits per character"] = cell(bits_interval(rows, name), 3) if known else "–"
        paired = known and name != best
        cells[f"{place}: fewer than n-gram, %"] = cell(saving(rows, name, best), 1, "+") if paired else "–"
    return cells


def embedded_finding(found: dict) -> str:
    """What the appendix found, every number and word from the measurement."""
    best = best_ngram(found)
    parts = []
    for rows, place in (
        (found["works"], "works held out of training"),
        (reference_models.dev_rows(found), "dev sonnets"),
    ):
        micro, nano, ngram = (cell(bits_interval(rows, name), 3) for name in ("micro", "nano", best))
        gap = saving(rows, "micro", best)
        parts.append(
            f"On the {len(rows)} {place}, micro needs {micro} bits per character, nano {nano} and the best n-gram "
            f"model ({SCORER_NAMES[best]}) {ngram}: micro needs {compared(negated(gap))} the n-gram model, by "
            f"{cell(gap, 1)} %."
        )
    return " ".join(parts)


def negated(interval: Interval) -> Interval:
    """The interval of the opposite difference."""
    return Interval(-interval.mean, -interval.high, -interval.low, interval.seeds, interval.items)


def embedded_how(found: dict) -> str:
    """What was measured on what."""
    count, characters = len(found["works"]), sum(row["characters"] for row in found["works"])
    edition = EDITIONS[reference_models.main_edition(found)]
    return (
        f"*How it was measured.* {count} works ({characters / 1e6:.1f} M characters) chosen by the hash of their path "
        f"and never trained on; sonnets 132–143, lines 4–14 given lines 1–3 ({edition}). All models "
        f"read the same tokens and were trained on the same {found['training_tokens'] / 1e6:.1f} M of them, the n-gram "
        f"models on all, with modified Kneser-Ney smoothing. A model reads windows of its context that overlap by "
        f"half. Intervals are 95 %, works or sonnets taken as random draws; the saving is paired by work or sonnet."
    )


def base_sentence() -> str:
    """What the base of the chapters is, in a sentence."""
    facts = training("micro")
    corpus, last = facts["corpus"], facts["curve"][-1]
    return (
        f"The embedded base, *micro*, is a GPT-2 of {facts['parameters'] / 1e6:.1f} million parameters. It was trained "
        f"for this book on {last['tokens'] / 1e6:.0f} million tokens of {corpus['works']} English works of prose and "
        f"verse in the public domain, without a line of the sonnets, in {facts['seconds'] / 60:.0f} minutes on "
        f"{facts['machine']['threads']} CPU threads."
    )


def family_table() -> pd.DataFrame:
    """The two models side by side: sizes, training, cost."""
    rows = []
    for base in reference_models.BASES:
        facts = training(base)
        recipe, last = facts["recipe"], facts["curve"][-1]
        rows.append(
            {
                "model": base,
                "parameters": f"{facts['parameters']:,}",
                "layers × width, heads": f"{recipe['n_layer']} × {recipe['n_embd']}, {recipe['n_head']}",
                "vocabulary, context": f"{recipe['vocab_size']:,}, {recipe['context']}",
                "tokens read": f"{last['tokens'] / 1e6:.1f} M",
                "passes over the text": f"{last['tokens'] / facts['corpus']['tokens']:.2f}",
                "steps": f"{last['step']:,}",
                "minutes": f"{facts['seconds'] / 60:.0f}",
                "megabytes": f"{(bases.ASSETS / base / 'model.safetensors').stat().st_size / 1e6:.1f}",
                "last held-out loss, nats per token": f"{last['valid']:.3f}",
            }
        )
    return pd.DataFrame(rows).set_index("model").T.rename_axis("model").rename_axis(columns=None)


def training_environment() -> dict:
    """Where both bases were trained, as a source line wants it; the seconds are of both."""
    facts = [training(base) for base in reference_models.BASES]
    where = facts[0]["machine"]
    names = {"device_name": where["processor"], "threads": where["threads"], "commit": where["commit"]}
    return names | {"seconds": sum(one["seconds"] for one in facts)}


def recipe_search() -> dict:
    """The short runs and where they ran: {"environment", "runs"}."""
    return json.loads((bases.ASSETS / "recipes.json").read_text(encoding="utf-8"))


def recipe_table() -> pd.DataFrame:
    """The short runs at equal compute that the recipe was chosen by, best first."""
    runs = recipe_search()["runs"]
    rows = [
        {
            "what differs": run["name"],
            "parameters": f"{run['parameters'] / 1e6:.1f} M",
            "tokens": f"{run['tokens'] / 1e6:.2f} M",
            "steps": str(run["steps"]),
            "nats per token": f"{run['valid']:.3f}",
            "bits per character": f"{run['bits_per_character']:.3f}",
        }
        for run in sorted(runs, key=lambda run: run["bits_per_character"])
    ]
    return pd.DataFrame(rows).set_index("what differs")


def samples(sonnet: Sonnet, lines: int = 8) -> dict[str, dict[str, str]]:
    """What each base writes behind a prose opening and behind three lines of a sonnet: {prompt: {base: text}}."""
    prompts = {"prose": PROSE, "verse": sonnet.given + "\n"}
    texts: dict[str, dict[str, str]] = {kind: {} for kind in prompts}
    for base in reference_models.BASES:
        model, tokenizer = bases.load_model(base), bases.load_tokenizer(base)
        for kind, prompt in prompts.items():
            seeds = [stream_seed("appendix", base, kind)]
            texts[kind][base] = complete(model, tokenizer, [prompt], seeds, lines)[0]
    return texts


def sonnet_check(found: dict) -> pd.DataFrame:
    """Bits per character of the dev sonnets by base, as recorded and as computed now, in the edition at hand."""
    edition = available_edition()
    tokenizer = bases.load_tokenizer(reference_models.BASES[0])
    now = reference_models.sonnet_rows(load_sonnets(edition).dev, tokenizer, reference_models.base_scorers())
    then = found["sonnets"][edition]
    rows = [
        (base, reference_models.ratio(then, base), reference_models.ratio(now, base)) for base in reference_models.BASES
    ]
    frame = pd.DataFrame(rows, columns=["model", "record", "this build"]).set_index("model")
    frame["difference"] = frame["this build"] - frame["record"]
    return frame.map("{:.6f}".format)


def loss_by_base() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Tokens read and held-out loss of each base along its training."""
    curves = {base: training(base)["curve"] for base in reference_models.BASES}
    return {base: (np.array([p["tokens"] for p in c]), np.array([p["valid"] for p in c])) for base, c in curves.items()}
