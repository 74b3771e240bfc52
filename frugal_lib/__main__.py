"""The command line: `python -m frugal_lib --help`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import Annotated

import typer

from frugal_lib.errors import echo, fail, never_unprintable, with_boundary

app = typer.Typer(
    help="What actually breaks when GPT-2 gets frugal? Runs, scores and checks behind the book.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def command(work: Callable[..., None]) -> Callable[..., None]:
    """A command of `app`, with the one boundary for errors."""
    return app.command()(with_boundary(work))


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ProfileName = Annotated[str, typer.Option(help="smoke, micro, small, paper, or a YAML file.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Results = Annotated[Path | None, typer.Option(help="Folder of the records; default: the profile's.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes at once; default: one per core.")]
Corpus = Annotated[Path, typer.Argument(help="The folder of text that the embedded models were trained on.")]
Work = Annotated[Path | None, typer.Option(help="Where tokens and checkpoints lie; default: the cache.")]


@command
def score(
    generated: Annotated[Path, typer.Argument(help="Generated sonnets in the paper's format.")],
    gold: Annotated[Path, typer.Argument(help="The true sonnets in the same format.")],
    as_json: AsJson = False,
) -> None:
    """Score generated sonnets: chrF over the whole text and over what the model wrote."""
    from frugal_lib.metrics.chrf import score_files

    result = score_files(generated, gold)
    if as_json:
        return echo(json.dumps(result, indent=1))
    echo(f"{'sonnet':>6}  {'chrF':>6}  {'chrF of the continuation':>24}")
    for row in result["per_sonnet"]:
        echo(f"{row['id']:>6}  {row['chrf']:6.2f}  {row['chrf_continuation']:24.2f}")
    echo(f"{'all':>6}  {result['chrf']:6.2f}  {result['chrf_continuation']:24.2f}   ({result['signature']})")
    if result["matched"] == "position":
        echo("The numbers of the two files differ, so that their sonnets were matched by position.", err=True)


@command
def audit(
    synthetic: Annotated[Path, typer.Argument(help="Texts to look into: JSON, JSON lines or plain text.")],
    against: Annotated[Path, typer.Option(help="Texts that should not be in there, such as a test set.")],
    as_json: AsJson = False,
) -> None:
    """Is synthetic text a copy of held-out text? Verbatim and near-verbatim lines, and the share of words copied."""
    from frugal_lib.data.audit import audit as compare
    from frugal_lib.data.overlap import MOSTLY, NEAR

    found = compare(synthetic, against)
    if as_json:
        return echo(json.dumps(found, indent=1))
    echo(
        f"{found['items']} items, {found['unique_items']} of them different; {found['items_overlapping']} share text "
        f"with {against.name}, {found['items_mostly_verbatim']} have {MOSTLY} or more of its lines.\n"
        f"{found['lines']} lines: {found['lines_verbatim']} verbatim, {found['lines_near']} nearly so (at least "
        f"{100 * NEAR:.0f} % of the words). {100 * found['token_share']:.1f} % of its {found['words']:,} words are "
        f"copied; compared with {found['words_against']:,} words of {against.name}."
    )
    if found["items_without_words"]:
        echo(f"{found['items_without_words']} items have no word in them, and were not compared.")
    for name in dict.fromkeys([*found["by_target"], *found["near_by_target"]]):
        verbatim, near = (found[kind].get(name, 0) for kind in ("by_target", "near_by_target"))
        shown = shorten(name, 60, placeholder=" …")
        echo(f"{shown:>12}: {verbatim} lines verbatim, {near} nearly so")


@command
def sweep(
    chapter: Annotated[str, typer.Argument(help="Chapter whose runs to compute, such as baseline.")],
    profile: ProfileName = "micro",
    base: Annotated[str, typer.Option(help="Another base: a folder, a hub id, or a name; its records lie apart.")] = "",
    seed: Annotated[int, typer.Option(help="First seed.")] = 0,
    device: Device = "auto",
    workers: Workers = None,
    results: Results = None,
    retry_failed: Annotated[bool, typer.Option(help="Compute failed runs again.")] = False,
    shard: Annotated[
        str | None, typer.Option(help="I/N: every N-th run from the I-th on, for an array of jobs.")
    ] = None,
    ray: Annotated[
        str, typer.Option(help="Address of a Ray cluster to compute on; its nodes see the same folder.")
    ] = "",
    precision: Annotated[
        str | None, typer.Option(help="fp32, bf16 or fp16; default: that of the records there, else the device's.")
    ] = None,
) -> None:
    """Compute the runs of a chapter that have no record yet, cross-validation last; resumes if interrupted."""
    from frugal_lib.chapters import registry
    from frugal_lib.core.runs import Elsewhere, shard_of

    loaded = registry.profile_of(profile, base)
    folder = loaded.results_folder(results)
    how = {"workers": workers, "retry": retry_failed, "shard": shard_of(shard), "ray": ray, "asked": precision}
    records = []
    for part in (registry.records_of, registry.folds_of):
        try:
            records += part(chapter, loaded, folder, seed, device, **how)
        except Elsewhere as error:
            typer.echo(f"shard {shard}: done; {error}. When they are there, the same command goes on.")
    states = [record.status for record in records]
    counts = ", ".join(f"{states.count(s)} {s}" for s in ("ok", "diverged", "unsupported", "failed") if s in states)
    echo(f"{chapter}, profile {loaded.name}: {len(records)} runs in {folder / chapter}: {counts}")
    if "failed" in states:
        raise typer.Exit(1)


@command
def benchmark(
    chapter: Annotated[
        str,
        typer.Argument(
            help="baseline: a sonnet run; lora: a step by rank; quantization: generation by format; training: rate and "
            "memory by method."
        ),
    ] = "baseline",
    profile: ProfileName = "micro",
    device: Device = "auto",
    results: Results = None,
) -> None:
    """Speed of training or generation on this machine. Let nothing else run meanwhile."""
    from frugal_lib.chapters.measurements import BY_NAME
    from frugal_lib.profiles import load_profile

    if chapter not in BY_NAME:
        raise fail(f"chapter {chapter!r} has no benchmark; choose one of {', '.join(BY_NAME)}.")
    loaded = load_profile(profile)
    found = BY_NAME[chapter].measure(loaded, loaded.results_folder(results), device)
    if not found:
        raise fail(f"profile {loaded.name!r} has no base for benchmark {chapter}; choose another profile or benchmark.")
    for record in found:
        if record.status != "ok":
            raise fail(record.error.strip().splitlines()[-1])
        echo(BY_NAME[chapter].summary(record))


@command
def pretrain(
    corpus: Annotated[Path, typer.Argument(help="Folder of .txt files, one work each.")],
    size: Annotated[str, typer.Option(help="Which architecture: micro or nano.")] = "micro",
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens to train on; default: the recipe's.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Another FIELD=VALUE of the recipe.")] = None,
    compiled: Annotated[
        bool, typer.Option("--compile/--no-compile", help="torch.compile; needs a C++ compiler.")
    ] = True,
    work: Work = None,
    out: Annotated[Path | None, typer.Option(help="Where the weights go; default: _build/SIZE.")] = None,
) -> None:
    """Pre-train a small GPT-2 from a folder of text; goes on from the last checkpoint."""
    from frugal_lib.core.fetch import cache_dir
    from frugal_lib.models.pretrain import make_recipe
    from frugal_lib.models.pretrain import pretrain as train_base

    out = out or Path("_build") / size
    recipe = make_recipe(size, [*([f"tokens={tokens}"] if tokens else []), *(settings or [])])
    facts = train_base(corpus, work or cache_dir() / "pretrain", out, recipe, compiled)
    echo(f"{facts['parameters']:,} parameters, {facts['seconds']:.0f} s, weights in {out}")


@command
def yardsticks(
    corpus: Corpus,
    work: Work = None,
    out: Annotated[Path | None, typer.Option(help="Where the numbers go; default: beside the models.")] = None,
) -> None:
    """Bits per character of the embedded models beside n-gram models and xz, on text none of them saw."""
    from frugal_lib.core.fetch import cache_dir
    from frugal_lib.metrics import reference_models

    found = reference_models.measure(corpus, work or cache_dir() / "pretrain")
    (out or reference_models.FILE).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    echo(f"{'bits per character':18}  {'held-out works':>14}  {'dev sonnets, lines 4-14':>23}")
    for name in found["works"][0]["bits"]:
        sonnets = "-" if name == "xz" else f"{reference_models.ratio(reference_models.dev_rows(found), name):.3f}"
        echo(f"{name:18}  {reference_models.ratio(found['works'], name):14.3f}  {sonnets:>23}")


@command
def poems(corpus: Corpus) -> None:
    """Count the lines of the other poets' sonnets that the embedded models have read."""
    from frugal_lib.core import fetch
    from frugal_lib.data import corpus as texts
    from frugal_lib.teachers import by_name

    works = {name: text for name, text in texts.read_works(corpus).items() if not texts.is_held_out(name)}
    lines = texts.lines_read(by_name.everything("human"), works.values())
    found = {"digest": fetch.digest(by_name.digest_parts("human")), "lines": lines}
    by_name.READ.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    echo(f"{len(lines)} poems; {lines.count(0)} of them have no line in {len(works)} works.")


@command
def teach(
    model: Annotated[str, typer.Argument(help="A Gemini model, or smollm2, or another base or its folder.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The sonnets, a JSON list; all answers lie beside it.")],
    count: Annotated[int, typer.Option(min=1, help="Sonnets to have in the end.")] = 1000,
    budget: Annotated[float, typer.Option(min=0, help="Ceiling on the cost of all answers, in USD.")] = 1.0,
    price: Annotated[
        tuple[float, float] | None, typer.Option(help="USD per million tokens of input and of output.")
    ] = None,
    per_request: Annotated[int, typer.Option(min=1, help="Sonnets to ask for at once.")] = 20,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests under way at once.")] = 4,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for the server.")] = 120.0,
) -> None:
    """Have Gemini (key in GEMINI_API_KEY) or a model here write sonnets; goes on where it was stopped."""
    from frugal_lib.models import bases
    from frugal_lib.teachers import gemini, local

    log = out.with_suffix(".answers.jsonl")
    if out.exists() and not log.exists():
        raise fail(f"{out}: it exists, and no answers lie beside it; choose another file.")
    if model in bases.shipped() or Path(model).is_dir():
        teacher = local.Local(local.Settings(bases.use(model), log))
    else:
        how = {"timeout_s": timeout, "budget_usd": budget, "price": price}
        teacher = gemini.Gemini(gemini.Settings(model, log, per_request, concurrency, **how))
    try:
        teacher.sonnets(count)
    finally:
        if teacher.answers.found:
            echo(teacher.save(out, count))


@command
def verify(
    profile: Annotated[
        str | None, typer.Option(help="smoke, micro, small, paper, or a YAML file; default: all committed.")
    ] = None,
    results: Results = None,
    rerun: Annotated[
        str | None, typer.Option(help="Compute again: kinds (one run of each), all, or kinds such as 'lora/*'.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Only the cheapest, by their recorded time.")] = None,
    device: Device = "auto",
    workers: Workers = None,
    write_sums: Annotated[bool, typer.Option(help="Write down the records' SHA-256 first.")] = False,
) -> None:
    """Do the records agree with their plans, their examples and, computed again, with themselves?"""
    from frugal_lib.profiles import load_profile
    from frugal_lib.verify import command, files

    profiles = [load_profile(profile)] if profile else command.committed_profiles()
    bad = 0
    for one in profiles:
        folder = one.results_folder(results)
        if write_sums:
            echo(f"written: {files.write_sums(folder)}")
        found = command.check(one, folder)
        bad += len(found.problems)
        echo(command.summary(one, folder, found))
        if rerun:
            outcomes = command.recompute(one, list(found.records.values()), rerun, minutes, device, workers)
            bad += sum(outcome.differs for outcome in outcomes)
            echo(command.table(outcomes))
    if bad:
        raise typer.Exit(1)


@command
def gpu(
    minutes: Annotated[float, typer.Option(min=0.1, help="For everything together; it resumes.")] = 10,
) -> None:
    """Everything that needs a CUDA device: its tests, one run of each kind, profile small. Writes one report."""
    from frugal_lib import gpu as steps

    path, outcomes = steps.everything(minutes)
    echo(f"{sum(one.status == 0 for one in outcomes)} of {len(outcomes)} steps done; the report is {path}")
    if any(one.status for one in outcomes):
        raise typer.Exit(1)


@command
def doctor() -> None:
    """Check this machine and checkout: packages, device, base model, data, records."""
    from frugal_lib.doctor import checks

    problems = 0
    for name, ok, finding in checks():
        problems += not ok
        echo(f"{'ok     ' if ok else 'PROBLEM'} {name:9} {finding}")
    if problems:
        raise typer.Exit(1)


if __name__ == "__main__":
    never_unprintable()
    app()
