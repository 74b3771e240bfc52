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
# # 4. Synthetic data

# %% [markdown]
# Shakespeare wrote 154 sonnets; a larger language model, the teacher, writes as many more as one likes. The paper
# trains GPT-2 Small, the student, on sonnets by Gemini 2.5 Flash Lite, Flash and Pro beside Shakespeare's own, and
# finds that Flash, not Pro, makes the best student: a stronger teacher is not always better. This chapter looks at what
# the teachers wrote, line by line, trains students with and without the sonnets that they are tested on in their
# training data, and adds teachers that the paper did not try: other poets.

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
import numpy as np

from frugal_lib.chapters import common, registry
from frugal_lib.chapters.synthetic import claims, copies, figures, tables
from frugal_lib.chapters.synthetic import results as synthetic
from frugal_lib.data.overlap import MOSTLY
from frugal_lib.paper import released
from frugal_lib.report import drawing, findings, folded, html, spot_check, verdict
from frugal_lib.report.arm import chrf_gap, gap
from frugal_lib.report.cells import cell, rate_text
from frugal_lib.report.claim import on_bases, verdicts
from frugal_lib.report.generality import MEASURES

settings = registry.profile_of(profile, base)
folder = settings.results_folder(results)
records = registry.records_of("synthetic", settings, folder, seed, device)
folds = registry.folds_of("synthetic", settings, folder, seed, device)
found = synthetic.synthetic_results(records, folds)
command = f"python -m frugal_lib sweep synthetic --profile {profile}"
names = synthetic.TEACHER_NAMES

# %% tags=["answer", "hide-input"]
clean = {base: claims.flash_beats_pro(found, base, common.CLEAN) for base in found.bases}
shares = [f"{told.number} per character on `{base}`" for base, told in clean.items() if told]
copied = copies.copies_by_teacher(found).get("flash")
words = on_bases(lambda base: claims.stronger_is_not_better(found, base, common.CLEAN), found.bases)
spoken = "This profile has no students of both."
if shares and copied:
    spoken = (
        f"In the paper yes, by {claims.printed('flash'):.2f} to {claims.printed('pro'):.2f} chrF; but "
        f"{100 * copied.share:.0f} % of Flash's sonnets are copies of Shakespeare's, of held-out ones too, and among "
        f"our students without those the loss with Flash minus that with Pro is {' and '.join(shares)}. That a "
        f"stronger teacher is not always better: {words}."
    )
html.say("synthetic_verdict", f"**Does Gemini 2.5 Flash teach better than Pro, the stronger model?** {spoken}")

# %% [markdown]
# ## What survives
#
# The paper's claims about synthetic data, and what our records say of them. A loss says how badly a model predicts the
# true lines 4–14 of sonnets of Shakespeare's, in bits per character or in nats per token (a nat is 1.44 bits). Where a
# profile has a cross-validation over all 154 sonnets it is measured there, else on the ten test sonnets. Differences
# are paired by sonnet and by seed, and the verdicts follow from the intervals. “As released” leaves the held-out
# sonnets that occur in the training data where they are, as the paper does.

# %%
told = verdicts(claims.CLAIMS, found, found.bases)
html.table(verdict.verdict_table(told), "Claims of the paper about synthetic data", findings.counted(told))

# %% tags=["hide-input"]
from frugal_lib.data import overlap
from frugal_lib.tasks import students

trained = []
for base in found.bases:
    plain = found.plain(base).records
    run, long = plain[0].run, [s.records[0].run for s in found.students if s.base == base and s.long]
    trained.append(
        f"`{base}`, {len(plain)} seeds: full fine-tuning at {rate_text(run.learning_rate)}, batch size "
        f"{run.batch_size}, at most {run.max_steps} steps, evaluated every {run.judge_steps}, patience {run.patience}"
    )
    for other in long[:1]:
        trained[-1] += f"; without early stopping: {other.epochs} epochs at {rate_text(other.learning_rate)}"
html.say(
    "synthetic_how",
    f"*How it was measured.* {'. '.join(trained)}. Students read Shakespeare's training sonnets and so many of a "
    "teacher's, drawn at random for each seed, the smaller draw a part of the larger; a file that has fewer gives all. "
    f"“Without held-out text”: a sonnet that shares a line, nearly a line or {overlap.NGRAM} words in a row with a dev "
    "or test sonnet is replaced, in its place, by another of the same teacher or, if none is left, by a repeat. “Of "
    "strict form”: fourteen lines, all seven pairs rhyme, at least "
    f"{14 * students.STRICT_IAMBIC:.0f} lines are iambic, no repeats. “Without early stopping”: the last weights are "
    "kept. Losses are those of the true lines 4–14, intervals are 95 %, with sonnets and seeds both taken as random.",
)

# %%
html.source_line(found.records, folder, command)

# %% [markdown]
# ## What the teachers wrote
#
# ### Copies
#
# Every line of every file is compared with Shakespeare's, letter by letter: case, punctuation, indentation and
# spellings such as *dimm'd* are ignored. A line counts as nearly the same where three quarters of its words match, in
# order. The last row is Shakespeare himself: what the audit finds where everything is a copy.

# %% tags=["hide-input"]
spoken = []
for teacher, file in copies.copies_by_teacher(found).items():
    held_out = f" (held-out sonnets {', '.join(map(str, file.held_out))} among them)" if file.held_out else ""
    spoken.append(f"{100 * file.share:.1f} % of the {file.sonnets:,} by {names[teacher]}{held_out}")
html.say(
    "synthetic_copies",
    f"Copies ({overlap.MOSTLY} or more lines of Shakespeare word for word) among the released “synthetic” sonnets: "
    f"{'; '.join(spoken)}."
    if spoken
    else "This profile has no sonnets by a Gemini.",
)

# %%
html.table(
    tables.copies_table(found, folder),
    "What the files have from Shakespeare",
    f"Copies of his sonnets are {', '.join(part.split(' (')[0] for part in spoken)}." if spoken else "",
)

# %% tags=["hide-input"]
if "human" in found.audits:
    poems, read, unread = copies.read_by_bases()
    html.say(
        "synthetic_read_before",
        f"The bases know the other poets: of {poems:,} sonnets, {read:,} ({100 * read / poems:.0f} %) have {MOSTLY} "
        f"lines or more in the text that the embedded models were pre-trained on, and {unread:,} have none. What their "
        "students gain may be less than it would be with poems that are new to the model; at equal exposure, below, "
        "only those without a line are read.",
    )

# %% [markdown]
# The same for any two files: `python -m frugal_lib audit SYNTHETIC --against HELDOUT`.
#
# ### Where the paper's best score comes from

# %% tags=["hide-input"]
from frugal_lib.paper import published

spoken = []
for split in ("dev", "test"):
    scored = copies.generations(found, split)
    which = ", ".join(f"{number} at {chrf:.0f}" for number, chrf in scored.copies.items())
    spoken.append(
        f"on {split} {scored.score:.2f} (the paper prints {scored.paper:.2f}), copies: {len(scored.copies)} of "
        f"{scored.sonnets} ({which}), the rest scores **{scored.rest:.2f}**"
    )
    if abs(scored.score - scored.paper) > 0.5:
        spoken[-1] += (
            "; the paper's own endings of these sonnets were not released, and here they are those of a public-domain "
            "edition, which may be why the two scores differ"
        )
baseline = published.published()["figure3_synthetic"]["baseline_chrf"]
p, flips = copies.lead_over_lite(found)
html.say(
    "synthetic_generations",
    f"The paper's best score on the sonnets, {claims.printed('flash'):.2f} on dev, is that of a student of Flash. Its "
    f"generations were released; scored here: {'; '.join(spoken)}. The paper's baseline is {baseline:.2f}. Paired by "
    f"sonnet, its lead on dev over the student of Flash Lite has p = {p:.2f} (all {flips:,} flips of sign).",
)

# %%
released_rows = [row for row in found.generations.examples if row["model"] == "flash"]
highest = max(row["chrf"] for row in released_rows if row["chrf"] < released.COPY)
best = copies.generations(found, "dev")
drawing.show(
    figures.generations_chart(found),
    settings.figures_folder,
    "04_generations",
    f"One memorized sonnet makes the best score: {best.score:.2f} with it, {best.rest:.2f} without, and {baseline:.2f} "
    "for a student of Shakespeare alone. A bar is what the paper's student of Flash Lite or Flash wrote for one "
    "sonnet, scored here; hatched, it copied Shakespeare.",
)

# %%
beside = tables.released_floors(found)
higher = sum(beside["without copies"].astype(float) > beside["random lines as long"].astype(float))
html.table(
    beside,
    "The paper's released generations beside random training lines as long",
    f"Without copies, {higher} of the paper's {len(beside)} models score higher than random lines as long.",
)

# %%
scored = {split: copies.generations(found, split) for split in ("dev", "test")}
copied = [f"{len(one.copies)} of {one.sonnets} on {split}" for split, one in scored.items()]
html.table(
    tables.generation_table(found),
    "The released generations of the student of Flash, one by one",
    f"Copies are {' and '.join(copied)}; all others score at most {highest:.0f}.",
)

# %% [markdown]
# A copy to look at. Marked lines are those of the true sonnet, set as a public-domain edition has them; the first three
# were the students' prompt. The last student was trained on copies of this sonnet on purpose, in
# [chapter 5](05_what_breaks).

# %%
html.marked(copies.texts_to_see(found, registry.on_file("what_breaks", settings, folder, seed)))

# %% [markdown]
# ### Form
#
# The paper's Table 4 calls a sonnet perfect when it has fourteen lines and all seven pairs of ABAB CDCD EFEF GG rhyme
# in the CMU Pronouncing Dictionary. The other columns are more lenient or stricter: pairs counted one by one, with
# Early Modern endings known (*grow'st*, *fadeth*); the whole scheme, with no rhyme where none belongs; lines that scan
# as iambic pentameter.

# %% tags=["hide-input"]
from frugal_lib.teachers.by_name import SHAKESPEARE

rates = {writer: 100 * found.columns(writer)["perfect"].mean() for writer in found.audits}
order = " < ".join(names[t] for t in sorted(rates, key=rates.get) if t in synthetic.STRENGTH)
html.say(
    "synthetic_form",
    f"The paper's rates rank Flash Lite < Flash < Pro. By its own rule the released files rank {order}. Shakespeare's "
    f"own sonnets pass at {rates[SHAKESPEARE]:.0f} %: words that rhymed in 1600, and endings that the dictionary lacks."
    if order
    else f"By the paper's rule {rates[SHAKESPEARE]:.0f} % of Shakespeare's own sonnets are perfect.",
)

# %%
html.table(
    tables.form_table(found, folder),
    "Table 4: perfect sonnets, and other measures of form",
    "Perfect by the paper's rule are "
    + ", ".join(f"{share:.0f} % ({names[writer]})" for writer, share in sorted(rates.items(), key=lambda one: -one[1]))
    + ".",
)

# %% [markdown]
# ### Cost
#
# What the paper paid for a thousand sonnets, and what the text it received costs at list price; prompts, rejected
# answers and thinking are not included. With an API key,
# `python -m frugal_lib teach gemini-2.5-flash --out sonnets.json --budget 1` has a thousand new ones written, and
# counts what they really cost.

# %%
costs = tables.usd_per_thousand(found)
html.table(
    tables.cost_by_teacher(found),
    "Cost by teacher",
    f"The text of a thousand sonnets costs from {min(costs.values()):.2f} to {max(costs.values()):.2f} USD."
    if costs
    else "",
)

# %% [markdown]
# ## What the students learned
#
# The paper's Figure 3: chrF of students by number of synthetic sonnets, and the gain in per cent.

# %%
pupils = [arm for base in found.bases for arm in found.trained(base) if arm.teacher]
higher, lower, count = findings.beside_zero(chrf_gap(arm, found.plain(arm.base), "dev") for arm in pupils)
above_none = (
    f"By chrF, {higher} of {count} kinds of our students beat those of Shakespeare alone, {lower} lose to them."
)
drawing.show(
    figures.gains_chart(found),
    settings.figures_folder,
    "04_gains",
    f"{above_none} The paper's figure 3 and ours, students of the files as released, with 95 % intervals. Above: dev "
    "chrF by number of synthetic sonnets. Below: gain over none, in %, with as many as there are.",
)

# %% [markdown]
# The loss on the true lines detects smaller differences, and nothing was chosen by the test sonnets.

# %%
by_loss = findings.losses((gap(arm, found.plain(arm.base), "test") for arm in pupils), "those of Shakespeare alone")
drawing.show(
    figures.losses_by_number(found),
    settings.figures_folder,
    "04_losses",
    f"{by_loss} Loss on the true lines of the test sonnets, minus that of students of Shakespeare alone, with 95 % "
    "intervals paired by sonnet and seed: lower is better. Filled: as released; open: without held-out text.",
)

# %%
html.table(tables.student_table(found, folder), "Every student", by_loss)

# %% [markdown]
# ### The leak, sonnet by sonnet
#
# Two students read the same sonnets by Flash, but for those that share text with a dev or test sonnet. Early stopping
# ends training before much is memorized; the paper trained on, for up to twenty epochs at a rate of 1e-3. The students
# “without early stopping” are trained at that rate to the last epoch.

# %% tags=["hide-input"]
spoken = [
    f"`{base}`{', without early stopping' * long}: {cell(gaps['dev'], 3, '+')} on dev, {cell(gaps['test'], 3, '+')} on "
    f"test, {cell(gaps['outside'], 3, '+')} on the test sonnets that are not in it"
    for (base, long), gaps in synthetic.leak_gaps(found).items()
]
html.say(
    "synthetic_leak",
    f"Flash as released minus Flash without held-out text, nats per token: {'; '.join(spoken)}."
    if spoken
    else "This profile has no students of Flash.",
)

# %%
leaks = []
for whole, clean in found.leak_pairs.values():
    before, after = (synthetic.by_sonnet(arm, "dev") | synthetic.by_sonnet(arm, "test") for arm in (clean, whole))
    leaks += [(number in found.leaked("flash"), after[number] - before[number]) for number in after]
copied, others = ([change for leaked, change in leaks if leaked is which] for which in (True, False))
fallen = (
    f"The loss falls where a copy was read: by {-np.mean(copied):.2f} nats per token on average, elsewhere by "
    f"{-np.mean(others):.2f}.".replace("-", "−")
    if copied and others
    else ""
)
drawing.show(
    figures.leak_chart(found),
    settings.figures_folder,
    "04_leak",
    f"{fallen} Loss of students of Flash as released minus that of students of Flash without held-out text, by sonnet "
    "(132–143 are dev, 145–154 test); hatched: a copy of it is in Flash's file. “Long training” is without early "
    "stopping.",
)

# %%
leak = tables.leak_table(found, found.bases[-1], long=True)
html.table(leak, "Dev sonnets of the students of Flash without early stopping", fallen)

# %% [markdown]
# ### Would stricter filters help?
#
# The paper leaves open whether stricter rules of rhyme and metre would make better training data. Here some students
# read only sonnets of strict form; others read as many, drawn at random from the same teacher.

# %%
stricter = findings.losses(
    (gap(strict, drawn, "test") for strict, drawn in found.strict_pairs), "those of sonnets drawn at random"
)
html.table(tables.strict_table(found, folder), "Training sonnets of strict form", stricter)

# %% [markdown]
# ### What else they still know
#
# The paper's Table 7 tests the students on paraphrases through an output layer whose weights are random;
# [chapter 3](03_quantization) shows what that measures. Beside it are the measures of that chapter.

# %%
checked = [arm for arm in found.students if arm.records[0].run.pairs and arm.selection == "" and arm.teacher]
losing = [
    f"{worse} of {count} in {one.name}"
    for one in MEASURES
    for worse, _, count in [findings.beside_zero(one.damage(arm, found.plain(arm.base)) for arm in checked)]
]
html.table(
    tables.transfer_table(found, folder),
    "Table 7: sonnets, and other tasks",
    f"Worse than students of Shakespeare alone are {', '.join(losing)}." if checked else "",
)

# %% [markdown]
# ## Equal exposure, every sonnet held out once
#
# Above, all students take the same number of steps, and so read Shakespeare's sonnets the less often the more they have
# of a teacher's: an early stop decides how often. Here all read Shakespeare's training sonnets equally often, and
# equally many sonnets of their teacher, in one random order, and keep their last weights. No line of Shakespeare's is
# left in what the teachers wrote; of other poets' sonnets only those are read of which the bases' corpus has no line.
# Each of the 154 sonnets is held out once.

# %%
html.table(
    folded.cross_validation_table(found.folds, synthetic.fold_name),
    "Loss on all 154 sonnets, each held out once",
    findings.losses(folded.differences(found.folds), "full fine-tuning stopped early"),
)

# %%
html.table(
    synthetic.exposure_table(found),
    "What the students read",
    "Every student read Shakespeare's training sonnets as often: "
    f"{findings.spread((one.run.passes for one in found.folds if one.run.passes), 0)} times."
    if any(one.run.passes for one in found.folds)
    else "",
)

# %% tags=["hide-input"]
alone = ", and ".join(f"{cell(loss, 3, '+')} on `{base}`" for base, loss in synthetic.unstopped(found).items())
if alone:
    html.say(
        "synthetic_alone",
        "A student takes two steps more for each step on Shakespeare, and on a base that so many passes leave "
        "under-trained these may help whatever they are on. How near the passes come to an early stop: Shakespeare "
        f"alone minus full fine-tuning stopped early is, in nats per token, {alone}. Students of different teachers "
        "take equally many steps, and their differences are free of that.",
    )

# %% tags=["hide-input"]
if not any(one.run.passes for one in found.folds):
    html.say(
        "synthetic_folds",
        "**Not run yet in this profile**: students. Until then the verdicts rest on the ten test sonnets.",
    )

# %%
html.source_line(folds, folder, command)

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("synthetic", records, device)
html.say("synthetic_spot", spot_check.spot_line(then, now))
html.table(
    spot_check.spot_table(then, now), "A run of this chapter as recorded, and computed again", findings.spot(then, now)
)
