"""The embedded models in numbers: bits per character beside n-gram models, and how they were trained."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from frugal_lib.core.stats import Interval, mean_interval, ratio_values
from frugal_lib.data.sonnets import available_edition, load_sonnets
from frugal_lib.metrics import reference_models
from frugal_lib.metrics.reference_models import BASES, ratio
from frugal_lib.models import bases
from frugal_lib.models.generate import complete, stream_seed
from frugal_lib.report.cells import NONE, cell

SCORER_NAMES = {
    "micro": "micro",
    "nano": "nano",
    "kn5": "Kneser-Ney, order 5",
    "kn4": "Kneser-Ney, order 4",
    "kn3": "Kneser-Ney, order 3",
    "xz": "xz -9e, each work alone",
}


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
    return min(names, key=lambda name: ratio(found["works"], name))


def text_sets(found: dict) -> dict[str, list[dict]]:
    """What bits are measured on: the held-out works and the dev sonnets."""
    return {"held-out works": found["works"], "dev sonnets": reference_models.dev_rows(found)}


def bits_table(found: dict) -> pd.DataFrame:
    """Bits per character of every model on each set of texts, and the saving on the best n-gram model."""
    best, lines = best_ngram(found), []
    for name, shown in SCORER_NAMES.items():
        cells = {"model": shown}
        for place, rows in text_sets(found).items():
            known = name in rows[0]["bits"]
            cells[f"{place}: bits per character"] = cell(bits_interval(rows, name), 3) if known else NONE
            paired = known and name != best
            cells[f"{place}: fewer than n-gram, %"] = cell(saving(rows, name, best), 1, "+") if paired else NONE
        lines.append(cells)
    return pd.DataFrame(lines).set_index("model")


def family_table() -> pd.DataFrame:
    """The two models side by side: sizes, training, cost."""
    columns = {base: family_cells(base) for base in BASES}
    return pd.DataFrame(columns).rename_axis("model")


def family_cells(base: str) -> dict[str, str]:
    """One column of `family_table`."""
    facts = training(base)
    recipe, last = facts["recipe"], facts["curve"][-1]
    return {
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


def training_environment() -> dict:
    """Where both bases were trained, for a source line; the seconds are of both."""
    facts = [training(base) for base in BASES]
    where = facts[0]["machine"]
    names = {"device_name": where["processor"], "threads": where["threads"], "commit": where["commit"]}
    return names | {"seconds": sum(one["seconds"] for one in facts)}


def recipe_search() -> dict:
    """The short runs and where they ran: {"environment", "runs"}."""
    return json.loads((bases.ASSETS / "recipes.json").read_text(encoding="utf-8"))


def recipe_table() -> pd.DataFrame:
    """The short runs at equal compute that decided the recipe, best first."""
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


def samples(prompts: dict[str, str], lines: int = 8) -> dict[str, dict[str, str]]:
    """What each base writes behind each prompt: {name of the prompt: {base: text}}."""
    texts: dict[str, dict[str, str]] = {kind: {} for kind in prompts}
    for base in BASES:
        model, tokenizer = bases.load_model(base), bases.load_tokenizer(base)
        for kind, prompt in prompts.items():
            seeds = [stream_seed("appendix", base, kind)]
            texts[kind][base] = complete(model, tokenizer, [prompt], seeds, lines)[0]
    return texts


def sonnet_check(found: dict) -> pd.DataFrame:
    """Bits per character of the dev sonnets by base, as recorded and as computed now, in the edition at hand."""
    edition = available_edition()
    tokenizer = bases.load_tokenizer(BASES[0])
    now = reference_models.sonnet_rows(load_sonnets(edition).dev, tokenizer, reference_models.base_scorers())
    then = found["sonnets"][edition]
    rows = [{"model": base, "record": ratio(then, base), "this build": ratio(now, base)} for base in BASES]
    frame = pd.DataFrame(rows).set_index("model")
    frame["difference"] = frame["this build"] - frame["record"]
    return frame.map("{:.6f}".format)


def loss_by_base() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Tokens read and held-out loss of each base along its training."""
    curves = {base: training(base)["curve"] for base in BASES}
    return {base: (np.array([p["tokens"] for p in c]), np.array([p["valid"] for p in c])) for base, c in curves.items()}
