"""What the paper's own released files show about GPT-2 Small, beside what the paper prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from frugal_lib.chapters.synthetic.results import STRENGTH, TEACHER_NAMES
from frugal_lib.chapters.what_breaks.claims import Book
from frugal_lib.core.runs import Record
from frugal_lib.paper import confirmed, evidence, published
from frugal_lib.paper.confirmed import Files, Printed
from frugal_lib.report.cells import NONE, cell, framed, rate_text

Line = tuple[str, str, str]  # what, as printed, in the files
COPY = 138  # the dev sonnet that the released Flash file holds


def files_of(book: Book, controls: Sequence[Record]) -> Files:
    """What was read of the released files."""
    reports = next(record for record in controls if record.run.method == "released-reports")
    columns = {teacher: book.synthetic.columns(teacher) for teacher in STRENGTH if teacher in book.synthetic.audits}
    return Files(book.lora.paper, book.synthetic.generations.examples, reports.examples, columns)


def sweep_lines(files: Files) -> list[Line]:
    """LoRA and full fine-tuning in the released sweep."""
    found, losses = evidence.of_sweep(files.runs), evidence.module_losses(files.runs)
    low, high = evidence.chrf_range(files.runs, 16, [2**i for i in range(8)])
    best = found.best_lora
    cells = f"higher in {found.cells_above} of {found.cells} cells of rank and batch size, by {found.mean_gap:.3f} nats"
    where = f"rank {best.rank}, rate {rate_text(best.learning_rate)}, batch {best.batch_size}"
    printed = published.value("table1_baseline", "dev", dataset="sonnets", method="best LoRA")
    full, (both, alone) = published.value("table3_lora_rank", "dev_chrf", rank="full"), losses.printed
    return [
        ("runs of LoRA in the sweep", "369", f"{found.lora_runs} distinct ones, {found.full_runs} of full fine-tuning"),
        ("best dev chrF of LoRA", f"{printed:.3f}", f"{best.dev_chrf:.3f} ({where})"),
        ("best dev chrF of full fine-tuning", f"{full:.3f}", f"{found.best_full.dev_chrf:.3f}"),
        ("lowest dev loss of LoRA, beside full fine-tuning", "not printed", cells),
        ("best dev chrF of ranks 1 to 128, batch 16", "within about one point", f"{low:.2f} to {high:.2f}"),
        ("dev loss, attention and MLP against attention alone", f"{both:.3f} against {alone:.3f}",
         f"{losses.in_file[0]:.3f} against {losses.in_file[1]:.3f}"),
    ]  # fmt: skip


def generation_lines(files: Files) -> list[Line]:
    """The released generations, with and without the sonnet that is a copy; formats; the zero-shot answers."""
    rows = [*files.generations, *files.reports]
    scores = evidence.corpus_scores(rows)
    lines = []
    if {"flash", "full fine-tuning"} <= scores.keys():
        lead, rest = (evidence.difference(rows, "flash", "full fine-tuning", out) for out in (set(), {COPY}))
        told = [f"{cell(one.interval, 2, '+')}, p = {one.p:.2f}" for one in (lead, rest)]
        printed = published.value("figure3_synthetic", "n1000", teacher="Gemini 2.5 Flash")
        lines = [
            ("dev chrF of Flash's student", f"{printed:.2f}", f"{scores['flash']:.2f}"),
            ("Flash's student minus full fine-tuning, chrF", "not printed", told[0]),
            ("… without the sonnet that is a copy", "not printed", told[1]),
        ]
    losses = evidence.format_losses(files.reports, "flash")
    spoken = ", ".join(f"{name.upper()} {loss:.3f}" for name, loss in losses.items())
    return [
        *lines,
        ("dev loss by weight format, student of Flash", "not printed", spoken or NONE),
        (
            "the two zero-shot accuracies, added",
            "not printed",
            f"{evidence.accuracies_sum():.4f}: shares of two classes",
        ),
    ]


def teacher_lines(files: Files) -> list[Line]:
    """Perfect sonnets by teacher, and by which rule the printed order can be had."""
    if not set(STRENGTH) <= files.teachers.keys():
        return []
    rates = evidence.teacher_rates(files.teachers)
    orders = evidence.orders_as_printed(rates)
    own = rates["perfect by the paper's rule", "all"]
    spoken = ", ".join(f"{TEACHER_NAMES[t]} {100 * rate:.0f} %" for t, rate in zip(STRENGTH, own, strict=True))
    table = published.table("table4_perfect_sonnet_rate")["perfect_rate"]
    printed = ", ".join(f"{TEACHER_NAMES[t]} {100 * rate:.0f} %" for t, rate in zip(STRENGTH, table, strict=True))
    rule = "; ".join(" of ".join(order) for order in orders) or f"none of {len(rates)} rules tried"
    return [("perfect sonnets", printed, spoken), ("a rule that gives the printed order", "its own", rule)]


@framed
def evidence_table(files: Files) -> Iterator[dict]:
    """What the paper prints or leaves out, and what its files say of it."""
    for line in (*sweep_lines(files), *generation_lines(files), *teacher_lines(files)):
        yield dict(zip(("of GPT-2 Small", "the paper", "its files"), line, strict=True))


def printed_numbers(files: Files) -> list[Printed]:
    """Every printed result beside the files; none where a teacher's file is not at hand."""
    return confirmed.numbers(files) if set(STRENGTH) <= files.teachers.keys() else []


@framed
def differing_table(found: Sequence[Printed]) -> Iterator[dict]:
    """The printed numbers for which the files have another."""
    for one in found:
        if one.in_file is not None and not one.confirmed:
            printed, other = f"{one.value:g}", f"{one.in_file:.4g}"
            yield {"where": one.place, "what": one.what, "printed": printed, "in the files": other}
