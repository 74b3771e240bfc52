"""Every result that the paper prints, beside what its released files have for it.

Left out are settings (ranks, rates as swept), sizes of data sets, parameter counts and prices, which are no results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from frugal_lib.paper import evidence, published
from frugal_lib.paper.released import ReleasedRun, grid_at_16

LOSSES = {"train loss": "train_loss", "dev loss": "dev_loss", "chrF": "dev_chrf"}
LITE, FLASH, PRO = "Gemini 2.5 Flash Lite", "Gemini 2.5 Flash", "Gemini 2.5 Pro"


@dataclass(frozen=True)
class Files:
    """What was read of the released files: examples of their records, and of the audits of two teachers' files."""

    runs: Sequence[ReleasedRun]
    generations: Sequence[dict]
    reports: Sequence[dict]
    teachers: Mapping[str, evidence.Columns]

    def chrf(self, model: str) -> list[float]:
        """Corpus chrF of a model's released dev sonnets, in a list; empty where there are none."""
        found = evidence.corpus_scores([*self.generations, *self.reports])
        return [found[model]] if model in found else []

    def of_format(self, name: str, column: str) -> list[float]:
        """What the reports on weight formats have for a format."""
        rows = (row for row in self.reports if row["kind"] == "format" and row["format"] == name.lower())
        return [row[column] for row in rows]

    def accuracy(self, task: str, method: str) -> list[float]:
        """Share of right predictions of dev."""
        rows = (row for row in self.reports if row["kind"] == "classes")
        return [row["right"] / row["examples"] for row in rows if (row["task"], row["method"]) == (task, method)]

    def perfect(self, teacher: str) -> list[float]:
        """Share of perfect sonnets: those that the authors' own rule let pass, and those that ours does."""
        passed = [row["sonnets"] for row in self.reports if row["kind"] == "filtered" and row["teacher"] == teacher]
        column = self.teachers[teacher]["perfect"]
        return [*(count / len(column) for count in passed), float(column.mean())]


@dataclass(frozen=True)
class Printed:
    """A number that the paper prints, to so many decimals, and the files' number for the same, None without one."""

    place: str
    what: str
    value: float
    in_file: float | None
    decimals: int

    @property
    def confirmed(self) -> bool:
        """Whether the files have it: to the last decimal, cut off or rounded."""
        return self.in_file is not None and abs(self.value - self.in_file) <= 0.6 * 10**-self.decimals


def printed(place: str, what: str, value: float, candidates: Sequence[float], decimals: int = 3) -> Printed:
    """A printed number beside that one of the files' candidates which is nearest."""
    return Printed(place, what, value, min(candidates, key=lambda one: abs(one - value), default=None), decimals)


def first_tables(files: Files) -> Iterator[Printed]:
    """Tables 1 and 2. Labels of test, and the true endings of the test sonnets, were not released."""
    name = {"full fine-tuning": files.chrf("full fine-tuning"), "best data augmentation": files.chrf("flash"),
            "best LoRA": [evidence.best(files.runs, True).dev_chrf]}  # fmt: skip
    for row in published.table("table1_baseline").itertuples():
        sonnets = row.dataset == "sonnets"
        dev = name.get(row.method, []) if sonnets else files.accuracy(row.dataset.lower(), row.method)
        for split, value, found in (("dev", row.dev, dev), ("test", row.test, [])):
            if value == value:  # not blank
                yield printed("Table 1", f"{row.dataset}, {row.method}, {split}", value, found)
    for row in published.table("table2_inference_speed").itertuples():
        yield printed("Table 2", f"{row.format}, MB", row.size_mb, files.of_format(row.format, "size_mb"), 2)
        speeds = files.of_format(row.format, "tokens_per_s")
        yield printed("Table 2", f"{row.format}, tokens per second", row.tokens_per_s, speeds)


def sweep_numbers(runs: Sequence[ReleasedRun]) -> Iterator[Printed]:
    """Tables 3, 5 and 6, beside the run of the sweep that each number is about."""
    grid = {(r.rank, r.learning_rate): r for r in grid_at_16(runs)}
    for _, row in published.table("table3_lora_rank").iterrows():
        rank = 0 if row["rank"] == "full" else int(row["rank"])
        run, place = grid[rank, row.best_learning_rate], f"rank {rank}" if rank else "full fine-tuning"
        yield printed(f"Table 3, {place}", "chrF", row.dev_chrf, [run.dev_chrf])
    alphas = {r.alpha: r for r in runs if r.kind == "alpha"}
    for alpha, value in published.table("table5_lora_alpha").itertuples(index=False):
        yield printed(f"Table 5, α = {alpha:g}", "chrF", value, [alphas[alpha].dev_chrf])
    modules = {r.modules: r for r in runs if r.kind == "modules"}
    for row in published.table("table6_lora_modules").itertuples(index=False):
        run = modules[evidence.MODULES[row.modules]]
        for what, value in zip(LOSSES, (row.train_loss, row.dev_loss, row.dev_chrf), strict=True):
            yield printed(f"Table 6, {row.modules}", what, value, [getattr(run, LOSSES[what])])


def teacher_tables(files: Files) -> Iterator[Printed]:
    """Tables 4 and 7 and Figure 3. Table 7 is held to the two decimals of Figure 3: it prints 46.605 as 46.600."""
    names = {LITE: "flash-lite", FLASH: "flash", PRO: "pro"}
    for teacher, rate in published.table("table4_perfect_sonnet_rate").itertuples(index=False):
        yield printed("Table 4", f"{teacher}, perfect", rate, files.perfect(names[teacher]), 2)
    students = map(files.chrf, ("full fine-tuning", "flash", "flash-lite"))
    for row, found in zip(published.table("table7_zero_shot").itertuples(), students, strict=True):
        yield printed("Table 7", f"{row.model}, chrF", row.sonnet_dev_chrf, found, 2)
        yield printed("Table 7", f"{row.model}, accuracy", row.paraphrase_dev_accuracy, [], 4)
    models = {(LITE, "n100"): "flash-lite 100", (LITE, "n500"): "flash-lite 500", (LITE, "n1000"): "flash-lite",
              (FLASH, "n1000"): "flash", (PRO, "n1000"): "pro"}  # fmt: skip
    table = published.table("figure3_synthetic").set_index("teacher")[["n100", "n500", "n1000"]].stack().dropna()
    for (teacher, column), value in table.items():
        decimals = 3 if teacher == PRO else 2
        yield printed(
            "Figure 3", f"{teacher}, {column[1:]}", value, files.chrf(models.get((teacher, column), "")), decimals
        )


def format_figures(files: Files) -> Iterator[Printed]:
    """Figures 2 and 5. No report is of the checkpoint of Figure 2's first line, and labels of pairs are not at hand."""
    for row in published.table("figure2_quantization").itertuples():
        yield printed("Figure 2", f"{row.format}, MB", row.size_mb, files.of_format(row.format, "size_mb"), 2)
        yield printed("Figure 2", f"{row.format}, chrF", row.ptq_chrf, [])
        if row.qaft_chrf == row.qaft_chrf:  # not blank
            yield printed(
                "Figure 2", f"QAFT {row.format}, chrF", row.qaft_chrf, files.chrf(f"qaft {row.format.lower()}")
            )
    known = {"sonnet chrF, full FT GPT-2": files.chrf("full fine-tuning"),
             "sonnet chrF, QAFT INT8": files.chrf("qaft int8")}  # fmt: skip
    for bar, value in published.table("figure5_zero_shot").itertuples(index=False):
        yield printed("Figure 5", bar, value, known.get(bar, []), 3 if "chrF" in bar else 4)


def numbers(files: Files) -> list[Printed]:
    """Every printed result, table by table and figure by figure."""
    return [*first_tables(files), *sweep_numbers(files.runs), *teacher_tables(files), *format_figures(files)]


def counts(found: Sequence[Printed]) -> dict[str, int]:
    """How many printed numbers the files confirm, contradict (`other`) and are silent on (`no file`)."""
    words = ("no file" if one.in_file is None else "confirmed" if one.confirmed else "other" for one in found)
    return dict(Counter(words))
