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
# # 1. The baselines of four tasks

# %% [markdown]
# The paper's Table 1 is about models of which every weight was trained (full fine-tuning), on four tasks: the sentiment
# of sentences (SST, the Stanford Sentiment Treebank, five classes) and of film reviews (CFIMDB, two classes), whether
# two questions ask the same (Quora), and the ending of a sonnet. This chapter repeats them and asks which differences
# each score can detect. It compares the models with methods that know little or nothing: always the most frequent
# class; counts of words, weighted so that rare words count for more (TF-IDF); and for the sonnets, the three lines of
# the prompt followed by random words or by random lines.

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
from frugal_lib.chapters import registry
from frugal_lib.chapters.baseline import figures, gpu_cost, labelled, sonnets, speed
from frugal_lib.chapters.lora.results import lora_results
from frugal_lib.chapters.quantization.results import quantization_results
from frugal_lib.chapters.synthetic.results import STRENGTH, synthetic_results
from frugal_lib.core import select
from frugal_lib.core.select import main_records
from frugal_lib.core.timing import SIZE
from frugal_lib.data.labelled import CLASSES
from frugal_lib.data.sonnets import EDITIONS, TRAIN
from frugal_lib.metrics.chrf import chrf_signature
from frugal_lib.report import drawing, findings, html, spot_check
from frugal_lib.report.cells import NONE, cell, compared, rate_text

settings = registry.profile_of(profile, base)
folder = settings.results_folder(results)
records = registry.records_of("baseline", settings, folder, seed, device)
rows, scores = labelled.labelled_rows(records), sonnets.score_rows(records)
command = f"python -m frugal_lib sweep baseline --profile {profile}"

# %% tags=["answer", "hide-input"]
lines, base, full = (sonnets.row_of(scores, method) for method in ("floor-lines", "base", "full"))


def listed(shares):
    """Some shares in words: 40, 89 and 67 %."""
    *first, last = (f"{100 * share:.0f}" for share in shares)
    return f"{', '.join(first)} and {last} %"


guessed, right = (
    [labelled.row_of(rows, task, method).intervals["dev_accuracy"].mean for task in labelled.TASK_NAMES]
    for method in ("majority", "full")
)
gap, gain = sonnets.difference(full, lines, "dev", "chrf"), sonnets.difference(full, base, "test", "bpc")
html.say(
    "baseline_answer",
    f"**What does fine-tuning bring, and which score shows it?** A fully fine-tuned `{full.base}` is right on "
    f"{listed(right)} of the sentences, film reviews and question pairs, where always giving the most frequent answer "
    f"is right on {listed(guessed)}. For the true lines of sonnets that it has not seen it needs "
    f"{full.intervals['test_bpc'].mean:.3f} bits per character, {compared(gain)} before fine-tuning "
    f"({base.intervals['test_bpc'].mean:.3f}); but by chrF (0 to 100: how many sequences of characters a text shares "
    f"with the true one) what it writes scores {full.intervals['dev_chrf'].mean:.2f}, {compared(gap)} random lines "
    f"from other sonnets ({lines.intervals['dev_chrf'].mean:.2f}).",
)

# %% tags=["hide-input"]
html.say(
    "baseline_question",
    "The paper fine-tunes GPT-2 Small on Shakespeare's sonnets 1–131, gives it the first three lines of each held-out "
    "sonnet and scores what it writes with chrF, an F-score of the characters and character sequences it shares with "
    f"the true sonnet: {full.paper['dev']:.2f} on dev, {full.paper['test']:.2f} on test.",
)

# %% [markdown]
# ## Table 1
#
# Every row of the paper's table, ours with a 95 % interval. Each number opens to its records, one for each seed; a
# record holds the answer to every single example.

# %% tags=["hide-input"]
# Table 1's last rows are of chapters 2 to 4; where these have been computed, their records are read. The paper took the
# highest dev chrF of many; we take the lowest dev loss at the first seed.
shown = {name: registry.on_file(name, settings, folder, seed) for name in ("lora", "quantization", "synthetic")}
candidates = {}
if shown["lora"]:
    found = lora_results(shown["lora"])
    candidates["best LoRA"] = found.ranks(found.bases[0])
if shown["quantization"]:
    found = quantization_results(shown["quantization"])
    first = found.bases[0]
    stored = [arm for arm in found.formats(first) if arm.format not in ("fp32", "fp64")]
    candidates["best model quantization"] = [*stored, *found.qaft(first)]
if shown["synthetic"]:
    found = synthetic_results(shown["synthetic"])
    candidates["best data augmentation"] = [arm for arm in found.trained(found.bases[0]) if arm.teacher in STRENGTH]
later = {}
for method, arms in candidates.items():
    if arms:
        best = min(arms, key=lambda arm: select.selection_loss(arm.records[0]))
        later[method] = sonnets.row_from(best.records, best.name, sonnets.paper_values("sonnets", method))

# %%
fully = [labelled.row_of(rows, task, "full") for task in labelled.TASK_NAMES]


def above(method):
    """On how many tasks full fine-tuning is above another method on dev."""
    others = [labelled.row_of(rows, row.task, method).intervals["dev_accuracy"] for row in fully]
    pairs = zip((row.intervals["dev_accuracy"] for row in fully), others, strict=True)
    return sum(labelled.stands(ours, other) == "above" for ours, other in pairs)


beats = (
    f"Full fine-tuning is above always giving the most frequent answer on {above('majority')} of {len(fully)} tasks "
    f"with labels, above counts of words (TF-IDF) on {above('tfidf')}."
)
html.table(labelled.table1(rows, scores, folder, later), "Table 1: ours, and the paper's GPT-2 beside it", beats)

# %%
html.source_line([record for row in (*rows, *scores) for record in row.records], folder, command)

# %% [markdown]
# ## Sentiment and paraphrase

# %% tags=["hide-input"]
below_paper = sum(row.intervals["dev_accuracy"].high < row.paper["dev"] for row in fully)
drawing.show(
    figures.accuracy_chart(rows),
    settings.figures_folder,
    "01_accuracy",
    f"{beats} Below the paper's, a larger GPT-2, it is on {below_paper}. Accuracy of each method, with 95 % intervals. "
    "Filled: dev; open: test, where it has labels. Grey: methods without a language model; diamonds: the paper.",
)


# %% tags=["hide-input"]
def beside(row, other, name, split="dev"):
    """A baseline's accuracy, and on which side of it `row` is."""
    ours, theirs = row.intervals[f"{split}_accuracy"], other.intervals[f"{split}_accuracy"]
    return f"{labelled.stands(ours, theirs)} {name} ({cell(theirs, 3)})"


sentences = []
for task in ("sst", "cfimdb"):
    majority, counted, last, tuned = (labelled.row_of(rows, task, method) for method in labelled.METHODS)
    sentences.append(
        f"On {tuned.data}, full fine-tuning of `{tuned.base}` has a dev accuracy of "
        f"{cell(tuned.intervals['dev_accuracy'], 3)}: {beside(tuned, last, 'the last linear layer')}, "
        f"{beside(tuned, majority, 'the majority class')} and "
        f"{beside(tuned, counted, 'TF-IDF + logistic regression')}. The paper's GPT-2 Small has "
        f"{tuned.paper['dev']:.3f}, and {last.paper['dev']:.3f} with the last layer alone."
    )
html.say("baseline_sentiment", " ".join(sentences))

# %% tags=["hide-input"]
majority, counted, tuned = (labelled.row_of(rows, "quora", method) for method in ("majority", "tfidf", "full"))
ours, guess = tuned.intervals["test_accuracy"], majority.intervals["test_accuracy"]
html.say(
    "baseline_paraphrase",
    f"On the test pairs of {tuned.data}, on which nothing was tuned, full fine-tuning has an accuracy of "
    f"{cell(ours, 3)}: {labelled.stands(ours, guess)} the majority class ({guess.mean:.3f}) and "
    f"{beside(tuned, counted, 'TF-IDF', 'test')}. Its balanced accuracy is "
    f"{cell(tuned.intervals['test_balanced'], 3)}, its AUROC (area under the ROC curve) {tuned.auroc('test'):.3f}, "
    f"where guessing has 0.5. The paper has {tuned.paper['dev']:.3f} on dev and {tuned.paper['test']:.3f} on test, "
    "with a larger GPT-2 and far more training pairs.",
)

# %% [markdown]
# Which classes do the tuned models confuse? A bias towards one class shows here, and in the balanced accuracy of Table
# 1, which is the mean recall of the classes.

# %% tags=["hide-input"]
recalls = [
    (100 * share, f"“{name}” ({row.data})")
    for row in fully
    for name, share in zip(CLASSES[row.task], figures.confusion(row).diagonal(), strict=True)
]
(most, easy), (least, hard) = max(recalls), min(recalls)
drawing.show(
    figures.confusion_chart(rows),
    settings.figures_folder,
    "01_confusion",
    f"The tuned models find {easy} most often, in {most:.0f} % of cases, and {hard} least, in {least:.0f} %. Shown is "
    "what full fine-tuning answers on dev for each true class, in % of that class, all seeds together.",
)

# %% [markdown]
# How small a difference can each dev set detect? Two runs that differ only in their seed are right on different
# examples; a difference between two methods has to stand out from that.

# %%
detectable = labelled.detectable_table(rows)
column = detectable["smallest difference with 80 % power"]
smaller = [f"{100 * float(value):.1f} points ({name})" for name, value in column.items() if value != NONE]
html.table(
    detectable,
    "Minimum detectable effect of each dev set, in accuracy",
    f"Differences below {', '.join(smaller)} are too small for the dev sets." if smaller else "",
)

# %% tags=["hide-input"]
items = []
for task, name in labelled.TASK_NAMES.items():
    data = labelled.task_data(records, task)
    purpose = {"train": f"of {data.available:,} to train on", "dev": "dev", "test": "test"}
    used = [
        f"{data.used[split]:,} {purpose[split]} (most frequent: {100 * share:.1f} % {label})"
        for split, (label, share) in data.most_frequent.items()
    ]
    kept = [
        f"{method}: learning rate {rate_text(run.learning_rate)} of {', '.join(map(rate_text, rates))}, "
        f"batch {run.batch_size}, up to {run.epochs} epochs"
        for method, (run, rates) in labelled.kept_settings(records, task).items()
    ]
    items.append(
        f"- **{name}**: {data.source}. {', '.join(used)}{'' if 'test' in data.used else ', no test with labels'}. "
        f"Longer than the base's context, and cut: {100 * data.truncated['train']:.1f} % of train; "
        f"{100 * data.truncated['dev']:.1f} % of dev. {'; '.join(kept).capitalize()}."
    )
dropout = sorted({record.run.dropout for record in records if record.run.learning_rate})
reading = (
    "The kept epoch and the kept setting are those with the highest dev accuracy (settings are compared at the first "
    "seed, the best one is repeated at the others), so that scores on dev are a little too high, as in the paper. For "
    "the last linear layer, the outputs of the rest of the model are computed once, without dropout. Intervals are "
    "95 %, with examples and seeds both taken as random. Texts of similar length share a batch."
)
items += ["", f"Dropout {', '.join(f'{rate:g}' for rate in dropout)}. {reading}"]
html.say("baseline_labelled_how", "\n".join(items))

# %% tags=["hide-input"]
peaks = []
for row in fully:
    kept = [
        max(r.history[1:], key=lambda epoch: (epoch["dev_accuracy"], -epoch["epoch"]))["epoch"] for r in row.records
    ]
    peaks.append(f"{sum(kept) / len(kept):.1f} of {len(row.records[0].history) - 1} epochs ({row.data})")
drawing.show(
    figures.labelled_curves(records),
    settings.figures_folder,
    "01_labelled_curves",
    f"Dev accuracy is highest after {', '.join(peaks)}. Full fine-tuning by epoch: "
    "a colour per learning rate, a thin line per seed, their mean thick. A ring marks the epoch whose weights were "
    "kept.",
)
html.source_line([record for row in rows for record in row.records], folder, command)

# %% [markdown]
# ## The data
#
# The paper's figures 6 to 9 show its data; here are the data that this chapter read, with the paper's counts beside
# them.

# %% tags=["hide-input"]
kinds = {"sst": "sentences", "cfimdb": "film reviews", "quora": "question pairs"}
counts = labelled.data_sizes(records)
for task, kind in kinds.items():
    about, (ours, paper) = main_records(records, task, "data")[0], counts[labelled.TASK_NAMES[task]]
    label, share = labelled.most_frequent(about, "train")
    drawing.show(
        figures.data_chart(records, task),
        settings.figures_folder,
        f"01_data_{task}",
        f"“{label}” is the most frequent label in training, with {100 * share:.0f} %; "
        f"{100 * about.metrics['train_truncated']:.0f} % of the texts are longer than the base's context. These are "
        f"the {ours:,} {kind} that this chapter read, by split, label and length; the paper counts {paper:,} (its "
        f"figure {labelled.PAPER_FIGURES[task]}).",
    )
about, (ours, paper) = main_records(records, "sonnets", "data")[0], counts["sonnets"]
lengths_of_test = {e["tokens"]: e["count"] for e in about.examples if (e["kind"], e["split"]) == ("length", "test")}
middle = sorted(lengths_of_test)[len(lengths_of_test) // 2]
short = sum(count for tokens, count in lengths_of_test.items() if tokens < middle / 2)
bump = (
    f" The {short} short texts near {min(lengths_of_test)} tokens are test prompts whose ending is unknown: three "
    "lines."
    if short
    else ""
)
audits = [record for record in shown["synthetic"] if record.run.method == "audit" and record.run.teacher in STRENGTH]
synthetic = {r.run.teacher: int(r.metrics["items"]) for r in audits}
added = f"The paper adds {sum(synthetic.values()):,} synthetic sonnets to Shakespeare's. " if synthetic else ""
drawing.show(
    figures.data_chart(records, "sonnets", synthetic),
    settings.figures_folder,
    "01_data_sonnets",
    f"{added}These are the {ours} of his that this chapter read, by split and length; the paper counts {paper} "
    f"(its figure {labelled.PAPER_FIGURES['sonnets']}).{bump}",
)
sizes = [f"{name} {ours:,} (the paper: {paper:,})" for name, (ours, paper) in counts.items()]
html.say("baseline_sizes", f"Examples in all splits: {', '.join(sizes)}.")
html.source_line([record for record in records if record.run.method == "data"], folder, command)

# %% [markdown]
# ## Sonnets: the score and its floors

# %% tags=["hide-input"]
drawing.show(
    figures.score_chart(scores),
    settings.figures_folder,
    "01_scores",
    f"By chrF, full fine-tuning scores {compared(gap)} random lines from other sonnets; by bits per character it "
    f"needs {compared(gain)} the base. Score and likelihood of each method, with 95 % intervals. Filled: dev; open: "
    "test. The grey band is the interval of random training lines on dev; diamonds: the paper, on GPT-2 Small.",
)

# %% tags=["hide-input"]
html.say(
    "baseline_finding",
    f"On the dev sonnets, full fine-tuning scores a chrF of {cell(full.intervals['dev_chrf'])}. That is "
    f"{compared(gap)} eleven random lines of training sonnets, which score {cell(lines.intervals['dev_chrf'])} "
    f"(difference, paired by sonnet: {cell(gap, sign='+')}). The paper's fine-tuned GPT-2 Small scores "
    f"{full.paper['dev']:.2f}. The likelihood of the true lines is another matter: on the test sonnets, on which "
    f"nothing was tuned, the tuned model needs {cell(full.intervals['test_bpc'], 3)} bits per character, "
    f"{compared(gain)} the base, which needs {cell(base.intervals['test_bpc'], 3)} (difference: "
    f"{cell(gain, 3, sign='+')}).",
)

# %%
lengths = sonnets.length_floor(records)
models = [row for row in scores if not row.is_floor]
better = sum(sonnets.difference(row, lines, "dev", "chrf").low > 0 for row in models)
html.table(
    sonnets.chrf_table(scores, lengths),
    "chrF over the whole sonnet, the three lines of the prompt included",
    f"Of {len(models)} models, {better} score higher than random lines.",
)

# %%
written = {
    name: sum(record.metrics[f"dev_{name}"] for record in full.records) / len(full.records)
    for name in ("lines", "rhyme_share", "perfect")
}
html.table(
    sonnets.other_table(scores),
    "What else can be measured on the same runs",
    f"Full fine-tuning writes {written['lines']:.1f} lines of 14, with {7 * written['rhyme_share']:.1f} rhyming pairs "
    f"of 7; {100 * written['perfect']:.0f} % of its sonnets are perfect in form.",
)

# %% tags=["hide-input"]
run, dev, test = full.records[0].run, full.intervals["dev_chrf"], full.intervals["test_chrf"]
rates = sorted({record.run.learning_rate for record in main_records(records, "sonnets", "full")})
html.say(
    "baseline_how",
    f"*How it was measured.* Base model `{run.base}` ({full.fact('parameters') / 1e6:.1f} M parameters, "
    f"`{run.base_digest}`). Sonnets: {EDITIONS[run.edition]}; {run.train_limit or len(TRAIN)} to train on, "
    f"{dev.items} dev, {test.items} test whose true ending is known (for test it comes from the public-domain text). "
    f"{dev.seeds} seeds and {run.samples} samples per prompt at temperature {run.temperature:g}, top-k {run.top_k}, "
    f"top-p {run.top_p:g}. Batch size {run.batch_size}, dropout {run.dropout:g}. Learning rate: the one with the "
    f"lowest dev loss at the first seed, of {', '.join(map(rate_text, rates))}, so that scores on dev are a little "
    "too high, and those on test are not. Intervals are 95 %, with sonnets and seeds both taken as random; the "
    "spread of one draw is the standard deviation of the corpus score over single samples. chrF: "
    f"`{chrf_signature()}`.",
)
html.source_line([record for row in scores for record in row.records], folder, command)

# %% [markdown]
# ### How the training went
#
# Loss on the training sonnets and on lines 4–14 of the dev sonnets, epoch by epoch. The training loss is an average
# over the epoch, the dev loss is taken after it; epoch 0 is the base. The weights of the epoch with the lowest dev
# loss are kept, and training stops when it no longer falls.


# %% tags=["hide-input"]
def best_epoch(record):
    """The epoch of lowest dev loss."""
    return min(record.history[1:], key=lambda epoch: epoch["dev_loss"])["epoch"]


lowest = [best_epoch(record) for record in full.records]
soonest = min(best_epoch(r) for r in main_records(records, "sonnets", "full") if r.run.learning_rate == rates[-1])
drawing.show(
    figures.learning_curves(records),
    settings.figures_folder,
    "01_learning_curves",
    f"At the kept rate, {rate_text(full.records[0].run.learning_rate)}, the dev loss is lowest after "
    f"{sum(lowest) / len(lowest):.0f} epochs; at the highest, {rate_text(rates[-1])}, after {soonest}. Loss by epoch: "
    "a colour per learning rate, a thin line per seed, their mean thick. A ring marks the epoch whose weights were "
    "kept.",
)
html.source_line([r for r in records if r.history and r.run.task == "sonnets"], folder, command)

# %% [markdown]
# ### Two completions to read
#
# A score is not a poem. The first sample of the first seed for two dev sonnets, beside the original (in the edition
# that is available on this machine).

# %%
for sonnet, texts in sonnets.readings(records, count=2):
    display(html.side_by_side(sonnet, texts))

# %% [markdown]
# ## What it costs
#
# How fast a sonnet run trains, beside the FP32 matrix products of the same machine. Such a measurement needs a machine
# that does nothing else, and a chapter is not built like that: the page shows the record.

# %% tags=["hide-input"]
measured = speed.shown(settings, folder)
said = f"No speed was measured for this page; `{measured.source}` does, with nothing else running."
for record in measured.records:
    metrics, run, place = record.metrics, record.run, record.environment
    said = (
        f"{metrics['tokens_per_second']:,.0f} tokens per second: {metrics['training_gflops']:.0f} GFLOP/s (billions "
        f"of floating-point operations per second; 6 × {metrics['parameters']:,} parameters per token), "
        f"{metrics['share_of_gemm']:.2f} of the {metrics['gemm_gflops']:.0f} GFLOP/s of FP32 matrix products of "
        f"{SIZE} × {SIZE} in the same process; base {run.base}, batch size {run.batch_size}, dropout {run.dropout:g}, "
        f"{place['threads']} thread, {place['device_name']}."
    )
if measured.borrowed:
    said += (
        f" That is the published record, of profile `{measured.profile}`; `{measured.here}` measures profile "
        f"`{measured.asked}` on this machine."
    )
html.say("baseline_speed", said)
html.source_line(measured.records, measured.folder, measured.source)

# %% [markdown]
# How long would the paper's own grids take on GPT-2 Small? A calculation for full fine-tuning, profile `paper`:

# %%
hours = gpu_cost.hours(records, gpu_cost.GPUS[0])
html.table(
    gpu_cost.cost_table(records),
    "Profile paper on one GPU, calculated",
    f"The paper's grids would take {sum(hours.values()):.0f} hours on one {gpu_cost.GPUS[0].name}, "
    f"{hours['quora']:.0f} of them for Quora.",
)

# %% tags=["hide-input"]
gpus = ", ".join(f"{gpu.name} {gpu.tflops:g} TFLOP/s and {gpu.memory_gb:g} GB" for gpu in gpu_cost.GPUS)
model = gpu_cost.GPT2
html.say(
    "baseline_costs",
    f"*Calculated, not measured* (`frugal_lib/chapters/baseline/gpu_cost.py`). Operations: 6 × "
    f"{model.backbone / 1e6:.1f} M parameters of GPT-2 Small's blocks × tokens, and 6 × "
    f"{model.vocabulary * model.width / 1e6:.1f} M of its output layer for every predicted token (all on the sonnets, "
    "one per pair on Quora, none on the others). Tokens: characters of our data ÷ "
    f"{gpu_cost.CHARACTERS_PER_TOKEN}; for Quora all pairs of the paper but its dev split. Time: operations ÷ "
    f"({gpu_cost.UTILISATION:g} × the FP32 rate of the data sheet: {gpus}). Memory, at the largest batch and the "
    f"longest text: {gpu_cost.BYTES_PER_PARAMETER} bytes per parameter (weight, gradient, AdamW's two moments), "
    f"{gpu_cost.KEPT_PER_TOKEN * 2} bytes × width per token and block for the backward pass, and the logits. Every run "
    "is assumed to reach its last epoch; early stopping makes it cheaper. The last linear layer alone costs one pass "
    "over the data per run.",
)

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind. On one machine the texts come out
# the same and the likelihoods agree to about seven digits; on another processor the last digits of a probability
# differ, and now and then a sampled word with them.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("baseline", records, device)
html.say("baseline_spot", spot_check.spot_line(then, now))
html.table(
    spot_check.spot_table(then, now), "A run of this chapter as recorded, and computed again", findings.spot(then, now)
)
