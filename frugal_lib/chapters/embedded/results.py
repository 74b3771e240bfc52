"""The embedded models in numbers: bits per character beside n-gram models, and how they were trained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pandas as pd

from frugal_lib.core.stats import Interval, mean_interval, ratio_values
from frugal_lib.data.sonnets import available_edition, load_sonnets
from frugal_lib.metrics import reference_models
from frugal_lib.metrics.reference_models import BASES, ratio
from frugal_lib.models import bases
from frugal_lib.models.generate import complete, stream_seed
from frugal_lib.report.cells import NONE, cell, framed
from frugal_lib.report.spot_check import then_and_now

SCORER_NAMES = {"micro": "micro", "nano": "nano"}
SCORER_NAMES |= {f"kn{n}": f"Kneser-Ney, order {n}" for n in (5, 4, 3)} | {"xz": "xz -9e, each work alone"}


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


@framed
def bits_table(found: dict) -> Iterator[dict]:
    """Bits per character of every model on each set of texts, and the saving on the best n-gram model."""
    best = best_ngram(found)
    for name, shown in SCORER_NAMES.items():
        cells = {"model": shown}
        for place, rows in text_sets(found).items():
            known = name in rows[0]["bits"]
            cells[f"{place}: bits per character"] = cell(bits_interval(rows, name), 3) if known else NONE
            paired = known and name != best
            cells[f"{place}: fewer than n-gram, %"] = cell(saving(rows, name, best), 1, "+") if paired else NONE
        yield cells


def family_table() -> pd.DataFrame:
    """The two models side by side: sizes, training, cost."""
    columns = {}
    for base, facts in ((base, training(base)) for base in BASES):
        recipe, last = facts["recipe"], facts["curve"][-1]
        columns[base] = {
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
    return pd.DataFrame(columns).rename_axis("model")


def training_environment() -> dict:
    """Where both bases were trained, for a source line; the seconds are of both."""
    facts = [training(base) for base in BASES]
    where = facts[0]["machine"]
    names = {"device_name": where["processor"], "threads": where["threads"], "commit": where["commit"]}
    return names | {"seconds": sum(one["seconds"] for one in facts)}


def recipe_search() -> dict:
    """The short runs and where they ran: {"environment", "runs"}."""
    return json.loads((bases.ASSETS / "recipes.json").read_text(encoding="utf-8"))


@framed
def recipe_table() -> Iterator[dict]:
    """The short runs at equal compute that decided the recipe, best first."""
    for run in sorted(recipe_search()["runs"], key=lambda run: run["bits_per_character"]):
        yield {
            "what differs": run["name"],
            "parameters": f"{run['parameters'] / 1e6:.1f} M",
            "tokens": f"{run['tokens'] / 1e6:.2f} M",
            "steps": str(run["steps"]),
            "nats per token": f"{run['valid']:.3f}",
            "bits per character": f"{run['bits_per_character']:.3f}",
        }


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
    return then_and_now("model", {base: (ratio(then, base), ratio(now, base)) for base in BASES})
