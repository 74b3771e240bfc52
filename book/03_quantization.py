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
# # 3. Quantization

# %% [markdown]
# Each number in a model, a weight, usually takes 32 bits. The paper stores its fine-tuned GPT-2 Small with more and
# with fewer: floating-point numbers of 64, 32, 16 and 8 bits (FP64, FP32, BF16, FP8) and integers of 8 and 4 bits
# (INT8, INT4). It also fine-tunes while the weights are being rounded (QAFT). It concludes that INT4 ruins the model
# unless it is trained for, that QAFT keeps the sonnets, and that QAFT quietly damages what else the model can do. This
# chapter counts the bytes of real files, gives INT4 more than one scale, and tests what else the models can do with
# tests that the models pass before they are changed.

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
from functools import partial

import numpy as np

from frugal_lib.chapters import registry
from frugal_lib.chapters.baseline import labelled
from frugal_lib.chapters.quantization import claims, figures, speed, tables
from frugal_lib.chapters.quantization import results as quantization
from frugal_lib.core.stats import mean_interval
from frugal_lib.data.labelled import SOURCES
from frugal_lib.models.formats import FORMATS
from frugal_lib.paper import published
from frugal_lib.report import claim, drawing, findings, folded, generality, html, spot_check, verdict
from frugal_lib.report.arm import gap
from frugal_lib.report.cells import cell, rate_text
from frugal_lib.report.generality import CHANCE, MEASURES

settings = registry.profile_of(profile, base)
folder = settings.results_folder(results)
records = registry.records_of("quantization", settings, folder, seed, device)
folds = registry.folds_of("quantization", settings, folder, seed, device)
found = quantization.quantization_results(records, folds)
command = f"python -m frugal_lib sweep quantization --profile {profile}"

# %% tags=["answer", "hide-input"]
verdicts, first = claim.verdicts(claims.CLAIMS, found, found.bases), found.bases[0]
stored = {
    "in 8 bits (INT8)": "int8-tensor",
    "in 4 bits with one scale for a whole matrix (INT4)": "int4-tensor",
    "in 4 bits with a scale for every 64 weights (NF4)": "nf4",
}
costs, won = [], None
for words, name in stored.items():
    if decisive := found.contrast(first, ("full", name)).decisive:
        _, loss, won = decisive
        costs.append(f"{words} {'costs ' * (not costs)}{cell(loss, 4, '+')}")
generality_damage = claim.on_bases(partial(claims.damages, found, format="int8-tensor"), found.bases)
html.say(
    "quantization_verdict",
    "**Does storing a fine-tuned model in fewer bits keep what it learned?** "
    + (
        f"On `{first}`, where full fine-tuning gains {won.mean:.4f} bits per character on the true lines, storing "
        f"its weights {', '.join(costs)}. "
        if won
        else "This profile has no formats. "
    )
    + "That training with the rounding of INT8 (quantization-aware fine-tuning, QAFT) damages what else a model "
    f"can do, as the paper says: {generality_damage}.",
)

# %% [markdown]
# ## What survives
#
# The paper's claims about quantization, and what our records say about them. A loss says how badly a model predicts the
# true lines 4–14 of sonnets that it was not trained on, in bits per character or in nats per token (a nat is 1.44
# bits). Where a profile has a cross-validation over all 154 sonnets it is measured there, else on the ten test sonnets.
# Differences are paired by sonnet and by seed, and the words in the second column follow from the intervals.
#
# Generality is what else a model can do. It is damaged
# where one measure is worse than with full fine-tuning by more than its margin, all measures considered together, and
# is not where every measure stays within its margin. The margin of text is that of the task, a tenth of what full
# fine-tuning gains in bits per character; of other measures it is a tenth of what the base has above chance. A measure
# in which the base itself is no better than chance has nothing to lose and is left out.

# %%
html.table(verdict.verdict_table(verdicts), "Claims of the paper about quantization", findings.counted(verdicts))

# %% tags=["hide-input"]
trained = []
for base in found.bases:
    full, lora = found.full(base), found.arm(base, "lora")
    run, adapter = full.records[0].run, lora.records[0].run if lora else None
    kept = [
        f"{quantization.FORMAT_NAMES[arm.format]} {rate_text(arm.records[0].run.learning_rate)}"
        for arm in found.qaft(base)
    ]
    trained.append(
        f"`{base}` ({full.fact('parameters') / 1e6:.1f} M parameters, {len(full.records)} seeds): full fine-tuning at "
        f"{rate_text(run.learning_rate)}, "
        + (f"LoRA and QLoRA of rank {adapter.rank} at {rate_text(adapter.learning_rate)}, " if adapter else "")
        + f"QAFT at the rate of lowest dev loss among {', '.join(map(rate_text, found.rates(base)))} "
        f"({', '.join(kept)}); batch size {run.batch_size}, at most {run.epochs} epochs, patience {run.patience}"
    )
sets = "; ".join(SOURCES[tuple(name.split("/"))] for name in run.pair_sets.split())
html.say(
    "quantization_how",
    f"*How it was measured.* {'. '.join(trained)}. QAFT starts from the base, as full fine-tuning does: they differ "
    f"only in the rounding. Generality: {run.pairs} pairs of each set to train a probe on and as many to ask about "
    f"({sets}). Intervals are 95 %, with items and seeds both taken as random; differences are paired by both.",
)
html.source_line([record for arm in found.arms for record in arm.records], folder, command)

# %% [markdown]
# ## Every sonnet held out once
#
# All 154 sonnets are divided into folds, and each is held out once. The model that is fully fine-tuned on the other
# folds is stored in every format; QAFT and QLoRA train on the same sonnets, at the rates of full fine-tuning and of
# LoRA. A model is evaluated by its loss, and by what every base does better than chance: pairs of sentences only one of
# which is grammatical, and other prose and verse.


# %% tags=["hide-input"]
def damaged(measures, pairs):
    """In how many comparisons some trained models are worse than full fine-tuning, by measure."""
    found = {
        one.name: [one.damage(arm, full) for arm, full in pairs if arm is not full and arm.records[0].history]
        for one in measures
    }
    counts = {name: findings.beside_zero(differences) for name, differences in found.items() if differences}
    said = ", ".join(f"{worse} of {count} in {name}" for name, (worse, _, count) in counts.items())
    return f"Worse than full fine-tuning are {said}." if said else ""


# %%
html.table(
    folded.cross_validation_table(found.folds, quantization.name_of),
    "Loss on all 154 sonnets, each held out once",
    findings.losses(folded.differences(found.folds), "full fine-tuning"),
)

# %%
html.table(
    generality.generality_in_folds(found.folds, quantization.name_of),
    "Generality of the same models",
    damaged(generality.IN_FOLDS, [(a, full) for a, full in folded.beside_full(found.folds) if a.run.minimal_pairs]),
)

# %% tags=["hide-input"]
if not any(one.run.chapter == "quantization" for one in found.folds):
    html.say(
        "quantization_folds",
        "**Not run yet in this profile**: formats, QAFT, QLoRA. Until then the verdicts rest on the ten test sonnets.",
    )

# %%
html.source_line(folds, folder, command)

# %% [markdown]
# ## Formats: bytes and quality
#
# The paper's Figure 2: bars are megabytes, lines are chrF. Its INT8 and INT4 have one scale per tensor, and its sizes
# are bits × parameters; ours are those of the file, with embeddings, which stay in FP32, and scales.

# %% tags=["hide-input"]
formats = found.formats(first)
sizes = [arm.fact("file_bytes") for arm in formats]
small = (
    f"From the largest file of `{first}` to the smallest, {max(sizes) / 1e6:.0f} to {min(sizes) / 1e6:.0f} MB, dev "
    f"chrF is {findings.spread((arm.chrf().mean for arm in formats), 1)}; random lines score "
    f"{found.floor.chrf().mean:.1f}."
)
drawing.show(
    figures.sizes_and_scores(found),
    settings.figures_folder,
    "03_sizes_and_scores",
    f"{small} The paper's figure 2 and ours: size by format (bars) and dev chrF with 95 % intervals. Grey band: "
    "eleven random training lines, their 95 % interval.",
)
reasons = sorted({record.error for record in found.unsupported})
html.say(
    "quantization_unsupported",
    f"Not run on the device that made the records: {' '.join(reasons)}"
    if reasons
    else "The device that made the records could run every format.",
)

# %% tags=["hide-input"]
four_bits = [arm for base in found.bases if (arm := found.arm(base, "full", "int4-tensor"))]
larger = [
    f"`{arm.base}` in INT4 takes {arm.fact('file_bytes') / arm.nominal_bytes:.1f} times its bits × parameters"
    for arm in four_bits
]
why = (
    f" {'; '.join(larger)}: the embeddings keep their full precision, and are a larger share of a small model."
    if larger
    else ""
)
html.say("quantization_sizes", f"The paper's sizes: {published.published()['figure2_quantization']['note']}{why}")

# %%
html.table(tables.format_table(found, folder), "Figure 2 as a table: bytes and quality of every format", small)

# %% [markdown]
# chrF hardly moves where the model no longer knows what Shakespeare would write: eleven random lines score as much.
# The loss on the true lines tells formats apart.

# %% tags=["hide-input"]
stored_as = [
    (quantization.FORMAT_NAMES[arm.format], gap(arm, found.full(first), "test").mean)
    for arm in formats
    if arm is not found.full(first)
]
lossy = (
    f"On `{first}` the loss rises most with {max(stored_as, key=lambda pair: pair[1])[0]}, by "
    f"{max(loss for _, loss in stored_as):.3f} nats per token; "
    f"{sum(loss < 0.01 for _, loss in stored_as)} of {len(stored_as)} formats cost less than 0.01."
    if stored_as
    else ""
)
drawing.show(
    figures.loss_by_format(found),
    settings.figures_folder,
    "03_loss_by_format",
    f"{lossy} Loss on the true lines of the test sonnets by format, less that of the tuned model in FP32, with 95 % "
    "intervals paired by sonnet and seed: lower is better. Even steps up to 0.2, then wider ones.",
)

# %% [markdown]
# ### Four bits, by granularity
#
# The largest weight sets the step of all weights that share its scale. The same fine-tuned models are rounded to four
# bits with a scale per tensor, per channel (row of the matrix) and per block of 64 weights (the group size); NF4 puts
# its sixteen values at the quantiles of a normal distribution.

# %%
bits = {quantization.FORMAT_NAMES[arm.format]: FORMATS[arm.format].bits for arm in formats}
four = {name: loss for name, loss in stored_as if bits[name] == 4}
html.table(
    tables.int4_table(found, folder),
    "The same models in four bits: loss in nats per token",
    f"Least is lost on `{first}` with {min(four, key=four.get)}: {min(four.values()):.3f} instead of "
    f"{max(four.values()):.3f}."
    if four
    else "",
)

# %% [markdown]
# ## Speed
#
# The paper's Table 2, beside one machine of ours, measured with nothing else running. Speed is not measured while the
# book is built: the page shows the record.

# %% tags=["hide-input"]
DEVICES = {
    "cpu": "These are times on a CPU, of a small model. Integers are converted back to FP32 at every step, and FP16 "
    "and BF16 run at whatever speed this CPU has for them: the numbers say what a format costs here, not what it gains "
    "where reading the weights limits the speed, as on a GPU and with large models. That is not measured here; what is "
    "saved here is memory.",
    "cuda": "These are times on a GPU, with the kernels of bitsandbytes and torchao for their formats.",
}
rates = speed.shown(settings, folder)
said, quick = f"No speed was measured for this page; `{rates.source}` does, with nothing else running.", ""
for record in rates.records:
    place, (factors, apart) = record.environment, speed.relative(record)
    slow, fast = (
        f"{factors[name]:.2f} ({quantization.FORMAT_NAMES[name]})"
        for name in (min(factors, key=factors.get), max(factors, key=factors.get))
    )
    quick = f"On one machine of ours the formats run at {slow} to {fast} times the speed of FP32."
    threads = f"{place['threads']} thread" + "s" * (place["threads"] != 1)
    said = (
        f"Greedy generation of {record.metrics['tokens']} tokens after the first lines of dev sonnets, base "
        f"`{record.run.base}`, {place['device_name']}, {threads}; FP32 matrix products run at "
        f"{record.metrics['gemm_gflops']:.0f} GFLOP/s there. At twelve prompts the formats run at {slow} to {fast} "
        f"times the speed of FP32, and the trials of one format are up to {apart:.2f} times apart, so that smaller "
        f"differences mean nothing. {DEVICES[place['device']]} The paper's numbers are of GPT-2 Small on an L4 GPU at "
        "batch size 8."
    )
if rates.borrowed:
    said += (
        f" That is the published record, of profile `{rates.profile}`; `{rates.here}` measures profile "
        f"`{rates.asked}` on this machine."
    )
html.say("quantization_speed", said)

# %%
html.table(tables.speed_table(rates.records, rates.folder), "Table 2: size and tokens per second by format", quick)

# %%
html.source_line(rates.records, rates.folder, rates.source)

# %% [markdown]
# ## Generality
#
# ### The paper's protocol
#
# The paper's Figure 5 puts a new output layer (a head) on the sonnet model, which is to say whether two questions of
# Quora's ask the same. This layer was not trained: its weights are random. Here the same is done with many such layers.

# %% tags=["hide-input"]
full, qaft = quantization.paper_zero_shot()
(pairs,), (yes,) = ({row[key] for row in found.zero_shot.examples} for key in ("pairs", "yes"))
arm, no = found.full(found.bases[0]), tables.majority_share(found)
shares, heads = tables.head_shares(arm, no), len(tables.heads(arm)["accuracy"])
html.say(
    "quantization_zero_shot",
    f"The paper reports an accuracy of {full:.4f} after full fine-tuning and {qaft:.4f} after QAFT; the two add up to "
    f"{full + qaft:.4f}. It released zero-shot answers of two models, and they are one and the same file: of "
    f"{pairs:,} pairs, {yes:,} are called paraphrases. On `{arm.base}` after full fine-tuning, "
    f"{100 * shares['alike']:.0f} % of {heads:,} untrained heads give at least {100 * tables.ALIKE:.0f} % of the pairs "
    f"the same answer, and {100 * shares['either']:.0f} % of them score within a point of {no:.3f} or {1 - no:.3f}, "
    "the shares of the two labels among our pairs; at the label rate of the paper's pairs, the same constants score "
    f"{full:.4f} and {qaft:.4f}. Which of the two a model gets depends on the random weights of the head.",
)
chapter_1 = registry.on_file("baseline", settings, folder, seed)  # has the model that was trained on pairs
paraphrases = labelled.labelled_row(chapter_1, "quora", "full").intervals["dev_accuracy"] if chapter_1 else None
zero_shot = (
    f"The paper's two accuracies, {full:.4f} and {qaft:.4f}, add up to {full + qaft:.4f}, as those of two constant "
    f"answers do; {100 * shares['either']:.0f} % of our untrained heads score as a constant answer does."
)
drawing.show(
    figures.zero_shot_bars(found, paraphrases),
    settings.figures_folder,
    "03_zero_shot",
    f"{zero_shot} Left and middle: the bars of the paper's figure 5, ours as points. Right: accuracies of untrained "
    "heads on our models; dotted, what a constant answer scores.",
)

# %%
constant = [tables.head_shares(one, no)["alike"] for one in tables.checked(found)]
html.table(
    tables.head_table(found),
    "Untrained heads on Quora's pairs",
    f"Whatever the model below, {100 * min(constant):.0f} to {100 * max(constant):.0f} % of the heads give nearly all "
    "pairs one answer."
    if constant
    else "",
)

# %% tags=["hide-input"]
turned = []
for base in found.bases:
    if trained := found.arm(base, "qaft", "int8-tensor"):
        flips, tried, anew = tables.turned_heads(found.full(base), trained)
        other = "" if anew != anew else f"; heads drawn anew would in {100 * anew:.0f} %"
        turned.append(f"on `{base}` in {flips} of {tried:,} cases{other}")
if turned:
    html.say(
        "quantization_heads",
        "Could QAFT turn a model from one answer to the other, as the two accuracies of the paper suggest? One and the "
        f"same untrained head, put on the model before and after QAFT at INT8, changes sides {', and '.join(turned)}. "
        f"A head is on a side if it gives that answer to at least {100 * tables.MOSTLY_ONE:.0f} % of the pairs.",
    )

# %% [markdown]
# ### Four measures that can fail
#
# A pair is put to the model as a question, and the likelihoods of the answers “yes” and “no” are compared. This uses
# the language model's own output layer, which was trained; it is measured by AUROC, the area under the curve of hits
# against false alarms, where 0.5 is chance. A linear probe, a small classifier of the model's inner state, says whether
# the answer is in there. Bits per character on leading articles and on late poems by Yeats say how well the model still
# predicts other text. No model here was trained on MRPC (the Microsoft Research Paraphrase Corpus) or these texts.

# %% tags=["hide-input"]
general = damaged(MEASURES, [(one, found.full(one.base)) for one in tables.checked(found)])
drawing.show(
    figures.generality_chart(found),
    settings.figures_folder,
    "03_generality",
    f"{general} How much worse than full fine-tuning in FP32 each model is in what it was not fine-tuned for, with 95 "
    "% intervals paired by item and seed; right of zero is worse. Shaded: what counts as no damage.",
)

# %%
html.table(tables.generality_table(found, folder), "Measures of generality, as they are", general)

# %% [markdown]
# Balanced accuracy, the mean of the accuracies on each label, needs a threshold, and a model prefers one answer
# whatever it is asked. This yes-bias is measured with prompts without content (in nats, “yes” over “no”), and
# subtracted first (Zhao et al. 2021).

# %%
answers = [mean_interval(np.stack([tables.balanced(r, "quora") for r in one.records])) for one in tables.checked(found)]
html.table(
    tables.balanced_table(found),
    "Yes or no, calibrated",
    f"Of {len(answers)} models, {sum(one.low > CHANCE for one in answers)} answer Quora's pairs better than chance.",
)

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind. On one machine the texts come out the
# same and the likelihoods agree to about seven digits; on another processor the last digits of a probability differ,
# and now and then a sampled word with them.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("quantization", records, device)
html.say("quantization_spot", spot_check.spot_line(then, now))
html.table(
    spot_check.spot_table(then, now), "A run of this chapter as recorded, and computed again", findings.spot(then, now)
)
