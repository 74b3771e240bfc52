# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags
#     formats: ipynb,py:percent
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5. What actually breaks

# %% [markdown]
# Every claim of the paper in one table, tested with the records of chapters 1 to 4. After it: what chrF, the score that
# most of them rest on, can show at all; how far chance moves it; and what happens when a model is trained on the text
# that it is tested on. First, the paper's three takeaways.

# %% tags=["hide-cell"]
# Only in Colab: fetch this version of the project and install what is missing; Colab's torch stays as it is. Running
# the cell again does no harm, and goes on where it was interrupted.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("google") and importlib.util.find_spec("google.colab"):
    version = os.environ.get("FRUGAL_VERSION", "v0.1.0")  # a tag or a commit
    repository = os.environ.get("FRUGAL_REPOSITORY", "https://github.com/frugal-gpt2/frugal-gpt2")
    if not os.path.isfile("frugal_lib/colab.py"):  # else this cell has run before, or the project is here already
        os.makedirs("frugal-gpt2", exist_ok=True)
        for words in ("init --quiet", f"fetch --quiet --depth 1 {repository} {version}", "checkout --quiet FETCH_HEAD"):
            subprocess.run(["git", "-C", "frugal-gpt2", *words.split()], check=True)
        os.chdir("frugal-gpt2")
        sys.path.insert(0, os.getcwd())
    subprocess.run([sys.executable, "-m", "frugal_lib.colab"], check=True)

# %% tags=["parameters"]
profile = "micro"  # smoke, micro or paper
base = ""  # another base: a folder, a hub id, or a name; empty: those of the profile
seed = 0  # the first seed
device = "auto"  # auto, cpu or cuda
results = ""  # folder of the records; empty: the profile's own

# %% tags=["remove-stderr"]
import re
from collections import Counter
from functools import partial

import numpy as np

from frugal_lib.chapters import common, registry
from frugal_lib.chapters.baseline import sonnets
from frugal_lib.chapters.lora.claims import matches
from frugal_lib.chapters.lora.paper_sweep import best_of
from frugal_lib.chapters.quantization.claims import AFTERWARDS, collapses, damages, keeps_all
from frugal_lib.chapters.quantization.tables import ALIKE
from frugal_lib.chapters.synthetic.claims import flash_beats_pro, stronger_is_not_better
from frugal_lib.chapters.synthetic.copies import copies_by_teacher, generations
from frugal_lib.chapters.synthetic.results import TEACHER_NAMES
from frugal_lib.chapters.what_breaks import (
    chance,
    claims,
    comparisons,
    contamination,
    figures,
    first_measurement,
    paper_files,
)
from frugal_lib.data.overlap import MOSTLY
from frugal_lib.data.sonnets import GIVEN_LINES
from frugal_lib.paper import confirmed, evidence, published
from frugal_lib.report import drawing, findings, html, spot_check
from frugal_lib.report.cells import cell, signed
from frugal_lib.report.claim import on_bases
from frugal_lib.report.verdict import CONTRADICTED, LEVEL, MARGIN, MARKS, NOT_TESTABLE, OPEN, SUPPORTED

settings = registry.profile_of(profile, base)
folder = settings.results_folder(results)
names = ("baseline", "lora", "quantization", "synthetic", "what_breaks")
records = {name: registry.records_of(name, settings, folder, seed, device) for name in names}
folds = {name: registry.folds_of(name, settings, folder, seed, device) for name in names[1:4]}
book, rows = claims.book_of(records, folds), sonnets.score_rows(records["baseline"])
controls = records["what_breaks"]
contaminated = contamination.contaminated_results(controls)

# %% tags=["answer", "hide-input"]
evaluated = claims.evaluated(book)
random_lines = sonnets.row_of(rows, "floor-lines").intervals["dev_chrf"]
shown = [score for scores in figures.paper_groups(book).values() for score in scores]
no_better = sum(score <= random_lines.high for score in shown)
by_words = {}
for _, told, found in evaluated:
    by_words.setdefault(frozenset(verdict.verdict for verdict in found), []).append(told.text)
lines = {
    "hold": by_words.pop(frozenset({SUPPORTED}), []),
    "are not reproduced": by_words.pop(frozenset({CONTRADICTED}), []),
    "cannot be told yet": by_words.pop(frozenset({OPEN}), []),
    "cannot be tested at this size": by_words.pop(frozenset({NOT_TESTABLE}), []),
    "differ from model to model": [text for texts in by_words.values() for text in texts],
}
html.say(
    "what_breaks_answer",
    "**What actually breaks?** First of all the measure: of the scores (chrF, the characters that a sonnet shares with "
    f"the true one) that the paper prints or released, {100 * no_better / len(shown):.0f} % are no higher than those "
    f"of random lines from other sonnets. And of its {len(evaluated)} claims, tested on small models of our own, "
    f"{', '.join(f'{len(texts)} {word}' for word, texts in lines.items() if texts)}.",
)

# %% tags=["hide-input"]
verdicts = partial(on_bases, bases=book.bases)

# %% tags=["hide-input"]
chrf = published.table("table3_lora_rank").set_index("rank").dev_chrf
within = sum(random_lines.low <= score <= random_lines.high for score in (chrf.max(), chrf["full"]))
decisive = {base: book.lora.contrast(book.lora.best(base), book.lora.full(base)).decisive for base in book.lora.bases}
costs = "; ".join(
    f"on `{base}`, full fine-tuning gains {won.mean:.4f} bits per character over the base, and with LoRA it ends "
    f"{cell(loss, 4, '+')} from there"
    for base, (_, loss, won) in decisive.items()
)
lora_answer = (
    f"*LoRA matches full fine-tuning*: {verdicts(lambda base: matches(book.lora, base))}. The paper's chrF is "
    f"{chrf.max():.2f} with low-rank adapters (LoRA) against {chrf['full']:.2f}, "
    f"{('neither of them', 'one of them', 'both of them')[within]} within the interval of eleven random lines, "
    f"{cell(random_lines)}. The likelihood of the true lines shows more: {costs}."
)

# %% tags=["hide-input"]
formats = published.table("figure2_quantization").set_index("format").ptq_chrf
accuracy = published.table("figure5_zero_shot").set_index("bar")["value"]
before, after = (accuracy[f"paraphrase accuracy, zero-shot from sonnet {name}"] for name in ("full FT", "QAFT INT8"))
four_bits = comparisons.four_bits(book)
scales = {"int4-tensor": "with one scale per matrix", "nf4": "with a scale for every 64 weights (NF4)"}
costs = " and ".join(f"{cell(cost, 3, '+')} {scales[arm.format]}" for arm, cost in four_bits)
kept = verdicts(lambda base: keeps_all(book.quantization, base, "full", AFTERWARDS))
harmed = verdicts(lambda base: damages(book.quantization, base, "int8-tensor"))
quantization_answer = (
    f"*Quantization keeps the task and quietly damages generality*: that BF16, FP8 and INT8 keep the task: {kept}; "
    f"that INT4 collapses: {verdicts(lambda base: collapses(book.quantization, base))} (the paper: chrF "
    f"{formats['FP32']:.2f} in FP32, {formats['BF16']:.2f} in BF16, {formats['INT4']:.2f} in INT4); that "
    "quantization-aware fine-tuning "
    f"(QAFT) at INT8 damages generality: {harmed}."
    + (f" In four bits `{four_bits[0][0].base}` loses, in nats per token, {costs}." if four_bits else "")
    + f" The damage that the paper reports is a zero-shot accuracy of {after:.2f} with QAFT against "
    f"{before:.2f} without. It was measured through a layer with random weights, and of such layers "
    f"{100 * comparisons.constant_heads(book):.0f} % answer at least {100 * ALIKE:.0f} % of the pairs alike, whatever "
    "the model below them knows."
)

# %% tags=["hide-input"]
chrf = published.table("figure3_synthetic").set_index("teacher").n1000
found = {base: flash_beats_pro(book.synthetic, base, common.CLEAN) for base in book.synthetic.bases}
leads = ", ".join(f"{verdict.number} per character on `{base}`" for base, verdict in found.items() if verdict)
scores = book.synthetic.generations.metrics
teacher_answer = ""
if {"flash-lite", "flash", "pro"} <= set(book.synthetic.teachers):
    released, clean = (
        verdicts(lambda base, selection=selection: stronger_is_not_better(book.synthetic, base, selection))
        for selection in ("", common.CLEAN)
    )
    teacher_answer = (
        f"*A stronger teacher does not always make a better student*: {released}; without held-out text among the "
        f"training examples {clean}. The paper's dev chrF is {chrf['Gemini 2.5 Flash Lite']:.2f} with Flash Lite, "
        f"{chrf['Gemini 2.5 Flash']:.2f} with Flash, {chrf['Gemini 2.5 Pro']:.2f} with Pro. But "
        f"{100 * book.synthetic.copies('flash').mean():.0f} % of Flash's sonnets are Shakespeare's, held-out ones "
        f"among them: what its student wrote scores {scores['flash_dev_chrf']:.2f}, and "
        f"{scores['flash_dev_chrf_without_copies']:.2f} without the one sonnet that is a copy. Without held-out text, "
        f"Flash minus Pro is {leads}."
    )

# %% tags=["hide-input"]
answers = filter(None, (lora_answer, quantization_answer, teacher_answer))
html.say("answers", "\n".join(f"1. {answer}" for answer in answers))

# %% tags=["hide-input"]
words = Counter(verdict.verdict for _, _, found in evaluated for verdict in found)
bases = " and ".join(f"`{base}` ({book.parameters(base):.1f} M parameters)" for base in book.bases)
html.say(
    "claims_count",
    f"{len(evaluated)} claims of the paper, tested on small GPT-2 models of our own, {bases}: of {words.total()} "
    f"verdicts, {', '.join(f'**{words[word]} {word}**' for word in MARKS if words[word])}.",
)
everything = {record.run.path: record for part in (*records.values(), *folds.values()) for record in part}
hours = sum(record.environment["seconds"] for record in everything.values()) / 3600
html.say(
    "hours",
    f"All {len(everything)} records of this profile took {hours:.1f} hours of one processor thread. Energy was not "
    "measured.",
)
html.source_line(controls, folder, f"python -m frugal_lib sweep what_breaks --profile {profile}")

# %% [markdown]
# ## What the paper's own files show
#
# The paper released its sweep, its generations, its zero-shot answers and its reports on weight formats. They are about
# GPT-2 Small itself, so they come first.

# %%
files = paper_files.files_of(book, controls)
sweep = evidence.of_sweep(files.runs)
html.table(
    paper_files.evidence_table(files),
    "The paper's files, read and scored by this book's code",
    f"In the paper's own sweep the lowest dev loss of LoRA is higher than that of full fine-tuning in "
    f"{sweep.cells_above} of {sweep.cells} cells.",
)

# %% tags=["hide-input"]
numbers = paper_files.printed_numbers(files)
found = confirmed.counts(numbers)
html.say(
    "printed_numbers",
    f"Of {len(numbers)} results that the paper prints, its files confirm **{found['confirmed']}**, have another number "
    f"for **{found['other']}**, and are silent on {found['no file']}."
    if numbers
    else "The files of all three teachers, which the printed numbers are compared with, are not available here.",
)

# %%
html.table(
    paper_files.differing_table(numbers),
    "Printed numbers for which the files have another",
    f"The files have another number for {found['other']} of {len(numbers)} printed results." if numbers else "",
)

# %% [markdown]
# ## The claims

# %%
every = [verdict for _, _, told in evaluated for verdict in told]
table = html.table(claims.claim_table(book), "The claims of the paper and their verdicts", findings.counted(every))
html.keep("claims", table, "All claims")

# %% tags=["hide-input"]
html.say(
    "claims_how",
    "*How a verdict comes about.* A loss says how badly a model predicts the true lines 4–14, in bits per character: "
    "in a cross-validation, in which each of the 154 sonnets is held out once, where that was run, else on the ten "
    "test sonnets, by which nothing was chosen. A difference below zero means that the model named first "
    "predicts these lines better. Intervals are 95 %, with sonnets, folds and seeds taken as random. "
    f"A claim that something keeps or matches quality *{SUPPORTED}* if even the worse end of the interval "
    f"is within {100 * MARGIN:.0f} % of what full fine-tuning gains over the base (the margin), is *{CONTRADICTED}* if "
    f"even the better end is beyond it, and otherwise *{OPEN}*; for a claim that something is better or worse, zero "
    f"takes the place of the margin. *{CONTRADICTED}* speaks of these small models, not of GPT-2 Small. "
    f"{claims.FLIPS}: another reasonable choice would turn the verdict; {claims.FALLS}: it does not survive Holm's "
    "correction for all verdicts of this table. Each claim links to the chapter with its test, records and margins.",
)

# %% tags=["hide-input"]
full = sonnets.row_of(rows, "full").intervals["dev_chrf"]
name, difference = next(iter(chance.paper_differences().items()))
takeaways = [
    f"**Find the floor of a score before comparing.** Eleven random lines reach a chrF of {cell(random_lines)} on dev, "
    f"full fine-tuning {cell(full)}.",
    f"**Ask how small a difference the test set can show.** The paper's {name} is {signed(difference)} chrF: to detect "
    f"it, were it real, takes {chance.sonnets_needed(book, difference):,} sonnets, and there are twelve.",
]
if four_bits:
    costs = "; ".join(f"{arm.name} {cell(cost, 3, '+')}" for arm, cost in four_bits)
    takeaways += [
        f"**Give four bits more than one scale.** Loss over FP32 on `{four_bits[0][0].base}`, nats per token: {costs}."
    ]
takeaways += [
    "**Check generality with something that was trained.** Of untrained heads, "
    f"{100 * comparisons.constant_heads(book):.0f} % give at least {100 * ALIKE:.0f} % of the pairs the "
    "same answer."
]


# %% tags=["hide-input"]
def number_of_copies(number):
    """1 copy, 2 copies."""
    return f"{number} cop{'y' if number == 1 else 'ies'}"


copied = "; ".join(
    f"{100 * file.share:.1f} % of the {file.sonnets:,} by {TEACHER_NAMES[teacher]}"
    + (f" (held-out sonnets {', '.join(map(str, file.held_out))} among them)" if file.held_out else "")
    for teacher, file in copies_by_teacher(book.synthetic).items()
)
in_files = (
    f"Of the released “synthetic” sonnets these have {MOSTLY} or more lines of Shakespeare word for word: {copied}."
    if copied
    else "This profile has no sonnets by a Gemini."
)
in_flash = contamination.copies_in_file(book.synthetic)
reproduced = ""
if in_flash and contaminated.ladders:
    base, students = next(iter(contaminated.ladders.items()))
    verbatim, chrf = (contamination.levels(students, measure) for measure in ("verbatim", "chrf"))
    copies = min(verbatim, key=lambda number: abs(number - np.mean(list(in_flash.values()))))
    total, of_all = contamination.copies_in_all(students)
    reproduced = (
        f" Of a sonnet that has {number_of_copies(copies)} in training, `{base}` writes {verbatim[copies].mean:.0f} of "
        f"11 lines word for word, and its chrF is {chrf[copies].mean:.0f} instead of {chrf[0].mean:.0f} ({total} "
        f"copies of {of_all} sonnets among {students[0].run.items} examples)."
    )
takeaways += [
    f"**Look for the test set in synthetic data.** {in_files}{reproduced} `python -m frugal_lib audit SYNTHETIC "
    "--against HELDOUT` takes a second."
]
html.say("takeaways", "\n".join(f"- {takeaway}" for takeaway in takeaways))

# %% [markdown]
# ### How robust the verdicts are
#
# Each verdict beside what it would be with another margin (5 or 20 % of the gain instead of 10), on the paper's own
# splits, without any one fold or seed, or with intervals by bootstrap. “Detectable” is the difference that would be
# found four times in five, in bits per character.

# %%
html.table(
    claims.robustness_table(book),
    "Verdicts under other choices",
    f"Another choice would turn {sum(bool(verdict.fragile) for verdict in every)} of {len(every)} verdicts; "
    f"{sum(not verdict.survives for verdict in every)} do not survive Holm's correction for all of them.",
)

# %% [markdown]
# ## The floor under every score
#
# chrF counts the character n-grams that two texts share, the lines of the prompt included. Random lines of training
# sonnets ignore the sonnet that they complete.

# %%
drawing.show(
    figures.floors_chart(book, rows),
    settings.figures_folder,
    "05_floors",
    f"Random lines score as well: {100 * no_better / len(shown):.0f} % of the scores that the paper prints or released "
    "are no higher than those of random lines of other sonnets. Every dot is a chrF on the dev sonnets, the paper's on "
    "GPT-2 Small above, ours below.",
)

# %% tags=["hide-input"]
files = (
    "The paper's sweep, its zero-shot answers and its generations were read and scored by this book's code, from the "
    "files as released."
    if book.has_released_files
    else "The paper's released files are not available on this machine: what this book says of its sweep, its "
    "zero-shot answers and its generations comes from the committed records of reading and scoring them elsewhere."
)
html.say("released_files", files)

# %% [markdown]
# ## How far chance moves a score
#
# A model completes a dev sonnet. The chrF of what it writes depends on the sonnet, on the training seed and on the
# random draw of words (the sample). How much does each contribute? The column “score of one run” has the standard
# deviation of the score of all twelve sonnets, for a model that is trained once and draws once.

# %%
variances = chance.variance_table(controls, folder)
drawn = [int(re.search(r"(\d+) %", text)[1]) for text in variances["sample"]] if len(variances) else []
html.table(
    variances,
    "Standard deviation of chrF by source, share of the variance",
    f"The random draw of words makes {min(drawn)} to {max(drawn)} % of the variance." if drawn else "",
)

# %% [markdown]
# The highest of many noisy scores is mostly luck. What does the best of n draws score if all are draws of the same
# thing? The average, and in brackets the range of 95 % of such maxima:

# %%
draws = book.lora.draws
trials = min(chance.TRIALS[-1], len(draws))
best = best_of(draws, trials)
html.table(
    chance.luck_table(book, controls),
    "dev chrF of the best of n draws",
    f"Of {trials} draws of random lines, the best scores {best.mean - np.mean(draws):.2f} more than one draw.",
)

# %% tags=["hide-input"]
printed = published.value("table1_baseline", "dev", dataset="sonnets", method="best LoRA")
html.say(
    "luck",
    f"The paper's best LoRA, the highest of {chance.TRIALS[-1]} runs, has {printed:.2f}. The highest of {trials} draws "
    f"of random lines has {best.mean:.2f} (95 % of such maxima: {best.low:.2f} to {best.high:.2f}).",
)

# %% [markdown]
# ## What twelve sonnets can show
#
# The generations that the paper released, compared sonnet by sonnet: an exact test takes all sign flips (4,096 for
# twelve sonnets). The last column is the difference that such a test detects four times in five.

# %%
released = chance.release_table(book)
found = sum(float(p) <= LEVEL for p in released["p"])
html.table(
    released,
    "The paper's released generations against each other",
    f"The exact test finds {found} of {len(released)} differences between the paper's models.",
)

# %% [markdown]
# The same test on this book's models, whose scores are means over seeds and samples; and on the likelihood of the true
# lines, which needs no samples:

# %%
found = comparisons.all_comparisons(book)
by_chrf, by_loss = (comparisons.detected(found, measure) for measure in ("chrf", "nats"))
html.table(
    comparisons.exact_table(book),
    "This book's models against each other",
    f"The exact test finds {by_chrf} of {len(found)} differences by chrF, {by_loss} by the loss.",
)

# %% tags=["hide-input"]
dev, test = (len(found[0].differences(measure)) for measure in ("chrf", "nats"))
html.say(
    "exact",
    f"Of these {len(found)} differences, averaged over seeds and samples, the test finds **{by_chrf}** by chrF and "
    f"**{by_loss}** by the loss on the true lines, at the level of 5 %. It takes all sign flips of its sonnets, "
    f"{2**dev:,} for {dev} of dev, {2**test:,} for {test} of test. It is about these models, and does not generalize "
    "over seeds as the intervals do.",
)

# %% [markdown]
# Suppose that the differences from which the paper draws conclusions are real. How many sonnets would a paired test
# need to detect them, if scores vary as they do between two of its released models?

# %%
differences = chance.paper_differences().values()
needed = [chance.sonnets_needed(book, difference) for difference in differences]
html.table(
    chance.power_table(book),
    "Sonnets needed for 80 % power",
    f"For {sum(number > 12 for number in needed)} of {len(needed)} differences twelve sonnets are too few.",
)

# %% [markdown]
# ## Held-out text among the training examples
#
# [Chapter 4](04_synthetic) finds dev and test sonnets in the file that the paper's best student learned from. How many
# copies does it take? Here dev sonnets are put among other training examples on purpose.


# %% tags=["hide-input"]
def effect_of_copies(base, students):
    """What copies do to loss, chrF and verbatim lines on one base."""
    losses, rises = (contamination.effects(students, measure) for measure in ("nats", "chrf"))
    verbatim, chrf = (contamination.levels(students, measure) for measure in ("verbatim", "chrf"))
    starts = {"the loss": contamination.detected_from(losses), "chrF": contamination.detected_from(rises)}
    changes = " and ".join(
        f"{measure} changes from {number_of_copies(start)} on"
        if start
        else f"no interval of the change in {measure} excludes zero at the most copies"
        for measure, start in starts.items()
    )
    most = max(losses)
    return (
        f"on `{base}` {changes}; at {number_of_copies(most)} the loss is {cell(losses[most], 2, '+')} nats per token, "
        f"{verbatim[most].mean:.1f} of 11 lines are reproduced word for word, and chrF is {chrf[most].mean:.1f} "
        f"({chrf[0].mean:.1f} without a copy)"
    )


ladders = {base: students for base, students in contaminated.ladders.items() if contamination.effects(students, "nats")}
effects = "; ".join(effect_of_copies(base, students) for base, students in ladders.items())
html.say(
    "doses",
    f"Copies of held-out sonnets among the training examples: {effects}."
    if effects
    else "No student was trained on copies in this profile.",
)

# %%
starts = {
    base: contamination.detected_from(contamination.effects(students, "nats")) for base, students in ladders.items()
}
started = [f"{number_of_copies(copies)} on `{base}`" for base, copies in starts.items() if copies]
first_effect = f"It takes {' and '.join(started)} to change the loss on a held-out sonnet." if started else ""
drawing.show(
    figures.copies_chart(contaminated, book.synthetic),
    settings.figures_folder,
    "05_doses",
    f"{first_effect} Copies of held-out sonnets among otherwise clean training examples: loss on the true lines minus "
    "that without a copy, chrF, and lines reproduced word for word, by number of copies, with 95 % bands over "
    "sonnets. Grey: what the released file of Flash holds of 138, 146 and 147. Squares: these three, with that very "
    "file for training. Diamonds: what the paper's own student of it wrote.",
)

# %% tags=["hide-input"]
measured = []
for base, students in contaminated.ladders.items():
    curve = contamination.effects(students, "nats")
    for number, value in sorted(contamination.measured_in_file(book.synthetic, base).items()):
        expected = contamination.from_curve(curve, in_flash[number])
        beside = "" if expected is None else f" (the curve says {signed(expected, 1)})"
        measured.append(f"{number} {signed(value, 1)}{beside}")
with_file = (
    f" Training on that very file, without early stopping, changes the loss of these sonnets, in nats per token, by: "
    f"{', '.join(measured)}."
    if measured
    else ""
)
written = ", ".join(
    f"{number}{f' (a version of {original})' if original else ''} with a chrF of {score:.0f}"
    for number, original, score in contamination.copied_generations(book.synthetic)
)
html.say(
    "doses_file",
    "Counted in lines, the released file of Flash holds "
    f"{', '.join(f'{copies:.1f} copies of {number}' for number, copies in sorted(in_flash.items()))}.{with_file} The "
    f"paper's own student of it, trained for up to twenty epochs, wrote {written}."
    if in_flash
    else "The released file of Flash is not part of this profile.",
)

# %%
html.table(
    contamination.ladder_table(contaminated, folder),
    "Copies of a dev sonnet in training, and their effect",
    first_effect,
)

# %% [markdown]
# Next, more and more sonnets are copied the same number of times. What does that do to these, to the others, and to the
# score of all?

# %%
by_number = contamination.number_table(contaminated, folder)
scores = [float(re.search(r"\d+\.\d+", text.data)[0]) for text in by_number.get("dev chrF, all of them", [])]
html.table(
    by_number,
    "The same copies of more and more of the dev sonnets",
    f"The score of all goes from {scores[0]:.2f} without a copy to {scores[-1]:.2f}." if scores else "",
)

# %% tags=["hide-input"]
students = next(iter(contaminated.ladders.values()), ())
how = ""
if students:
    run = students[0].run
    how = (
        f"*How it was measured.* {run.items} training examples by {TEACHER_NAMES[run.teacher]} without held-out text, "
        "beside the training sonnets; copies of dev sonnets, all lines of them, the "
        f"{GIVEN_LINES} of the prompt too, take the place of as many of these examples. {run.epochs} "
        f"epochs at a learning rate of {run.learning_rate:g}, batch size {run.batch_size}, the last weights kept. Over "
        f"{len(students)} runs the dev sonnets swap places, so that each is compared with itself; intervals are over "
        f"sonnets. {run.samples} samples per prompt."
    )
    beside = {base: contamination.without_copy(contaminated, base) for base in contaminated.ladders}
    clean = " and ".join(f"{cell(gap, 3, '+')} on `{base}`" for base, gap in beside.items() if gap)
    total, of_all = contamination.copies_in_all(students)
    how += (
        f" A run of several numbers of copies holds {total} copies of {of_all} sonnets in all. The loss of the sonnets "
        f"without a copy in it, minus theirs in runs without any, in nats per token: {clean}."
        if clean
        else ""
    )
html.say("doses_how", how)

# %% [markdown]
# ## Which metrics detect a difference
#
# A useful metric tells a fine-tuned model from the base, from random lines, and, hardest of all, from eleven lines in a
# row of another sonnet by Shakespeare. Here are these differences on the test sonnets by six metrics, and how many
# sonnets each metric would need to detect them four times in five.

# %%
metrics = chance.metric_table(controls)
needed = metrics["tuned − the base"].str.extract(r"· (.*) sonnets")[0]
html.table(
    metrics,
    "Tuned models beside the base, random lines and Shakespeare",
    f"To tell the tuned model from the base takes {needed['bits per character']} sonnets by bits per character, "
    f"{needed['chrF, whole sonnet']} by chrF.",
)

# %% [markdown]
# ## Capacity
#
# The paper's explanation of why Pro teaches worse than Flash is the size of GPT-2 Small. Here are the differences that
# the takeaways rest on, for the larger and the smaller of our models, and the one minus the other:

# %%
compared = comparisons.capacity_lines(book)
apart = sum(line.verdict != comparisons.NO_DIFFERENCE for line in compared)
html.table(
    comparisons.capacity_table(book),
    "The three takeaways on two sizes",
    f"In {apart} of {len(compared)} differences the two bases disagree." if compared else "",
)

# %% tags=["hide-input"]
differ = "; ".join(line.name for line in compared if line.verdict != comparisons.NO_DIFFERENCE)
teachers = published.published()["figure3_synthetic"]
large, small = teachers["gpt2_large_pro_n1000"], published.value("figure3_synthetic", "n1000", teacher="Gemini 2.5 Pro")
apart = np.abs(np.subtract.outer(book.lora.draws, book.lora.draws))[np.triu_indices(len(book.lora.draws), 1)]
as_far = np.mean(apart > large - small)
html.say(
    "capacity",
    f"`{book.bases[0]}` has {book.parameters(book.bases[0]):.1f} M parameters, `{book.bases[-1]}` "
    f"{book.parameters(book.bases[-1]):.1f} M. Of {len(compared)} differences the two bases disagree on: "
    f"{differ or 'none'}. The paper's own evidence is one run: with 1,000 sonnets by Pro, GPT-2 Large (774 M "
    f"parameters) scores {large:.3f}, and GPT-2 Small {small:.3f}, {large - small:.2f} chrF less. By chance alone, "
    f"two draws of random lines are further apart than that in {100 * as_far:.0f} % of cases."
    if compared
    else "This profile has one base, which says nothing about capacity.",
)

# %% [markdown]
# ## Checked against a first measurement
#
# Before the book was written, its main figures were measured once with other code. Both are shown, and where they
# disagree, why. (After ± stands their spread, or one unit of the last digit.)

# %%
checks = first_measurement.check_table(book, rows, controls)
html.table(checks, "Figures measured twice", f"{sum(checks['agree'] == 'yes')} of {len(checks)} agree.")

# %% tags=["hide-input"]
scored = generations(book.synthetic, "test")
html.say(
    "two_scores",
    f"One number of the paper's cannot be had from its files: the student of Flash scores {scored.paper:.2f} on test "
    f"as printed, and {scored.score:.2f} here. The endings that the paper scored against were not released, and ours "
    "are those of a public-domain edition, which may be why. The copies are the same either way.",
)

# %% tags=["remove-cell"]
# The first page: three cards of two numbers each at most, and how it stands with the claims, a line for each verdict.
rank_scores = published.table("table3_lora_rank").set_index("rank").dev_chrf
released = generations(book.synthetic, "dev")
copied = copies_by_teacher(book.synthetic).get("flash")
cards = {
    "LoRA": {
        "They said": "Low-rank adapters (LoRA) match full fine-tuning.",
        "Their files show": f"Scores of {rank_scores.max():.2f} and {rank_scores['full']:.2f}, "
        f"{('neither', 'one', 'both')[within]} in the range of random lines of other sonnets.",
        "Our models show": f"By the loss on the true lines: {verdicts(lambda base: matches(book.lora, base))}.",
    },
    "Quantization": {
        "They said": "Fewer bits per weight keep the task; training for them (quantization-aware fine-tuning, QAFT) "
        "quietly damages what else the model can do.",
        "Their files show": f"The damage, an accuracy of {after:.2f} instead of {before:.2f}, was measured through a "
        "layer with random weights: both are what one constant answer gets.",
        "Our models show": f"The task is kept: {kept}. Something else is damaged: {harmed}.",
    },
    "Synthetic data": {
        "They said": "A stronger teacher does not always make a better student: Gemini 2.5 Flash beats Pro.",
        "Their files show": f"Flash's sonnets hold copies of the evaluated ones: {100 * copied.share:.0f} % are "
        "Shakespeare's."
        if copied
        else "The files of the teachers are not part of this profile.",
        "Our models show": "Without the copies, that a stronger teacher is not always better: "
        f"{verdicts(lambda base: stronger_is_not_better(book.synthetic, base, common.CLEAN))}.",
    },
}
html.keep("cards", html.cards(cards), "\n".join(f"{title}: {told}" for title, told in cards.items()))
spoken = (f"- **{word.capitalize()}:** {'; '.join(texts)}." for word, texts in lines.items() if texts)
html.say("claims_lines", "\n".join(spoken))

# %% tags=["remove-cell"]
# The pages “Run it” and “About”.
from frugal_lib.chapters.what_breaks import status

runs = {
    name: list({record.run.path: record for record in (*records[name], *folds.get(name, []))}.values())
    for name in names
}
took = {name: status.minutes_of(registry.profile_of(name).results_folder("")) for name in ("micro", "small")}
minutes = status.minutes_table(took)
html.keep(
    "minutes", html.table(minutes, "Minutes of one processor thread, by chapter and profile", status.total(took)), ""
)
caption = f"What the records of profile {profile} took, in minutes of one processor thread"
longest = max((r.environment["seconds"] / 60, name) for name, found in runs.items() for r in found)
finding = f"The longest run took {longest[0]:.0f} minutes, in chapter “{longest[1]}”."
html.keep("status", html.table(status.status_table(runs), caption, finding), caption)

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("what_breaks", controls, device)
html.say("controls_spot", spot_check.spot_line(then, now))
html.table(
    spot_check.spot_table(then, now), "A run of this chapter as recorded, and computed again", findings.spot(then, now)
)
