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
#
# Before anything is made frugal there is a model that was fine-tuned in full, and a score that says how good it is.
# The paper's Table 1 has four tasks: the sentiment of sentences (SST, the Stanford Sentiment Treebank, five classes)
# and of film reviews (CFIMDB, two), whether two questions ask the same (Quora), and the ending of a sonnet. This
# chapter repeats them and asks which differences each score can detect. Beside the fine-tuned models stand baselines
# that know nothing or next to nothing: the most frequent class, word counts weighted by TF-IDF (a word counts for
# more the fewer texts have it), and, for the sonnets, the prompt followed by random words or random lines.

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
from frugal_lib.core.select import main_records
from frugal_lib.core.timing import SIZE
from frugal_lib.data.sonnets import EDITIONS, TRAIN
from frugal_lib.metrics.chrf import chrf_signature
from frugal_lib.report import drawing, html, spot_check
from frugal_lib.report.cells import cell, compared, rate_text

settings = registry.profile_of(profile, base)
folder = settings.results_folder(results)
records = registry.records_of("baseline", settings, folder, seed, device)
rows, scores = labelled.labelled_rows(records), sonnets.score_rows(records)
command = f"python -m frugal_lib sweep baseline --profile {profile}"

# %% tags=["hide-input"]
lines, base, full = (sonnets.row_of(scores, method) for method in ("floor-lines", "base", "full"))
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

# %%
html.table(labelled.table1(rows, scores, folder), "Table 1: ours, and the paper's GPT-2 beside it")

# %%
html.source_line([record for row in (*rows, *scores) for record in row.records], folder, command)

# %% [markdown]
# ## Sentiment and paraphrase

# %% tags=["hide-input"]
drawing.show(
    figures.accuracy_chart(rows),
    settings.figures_folder,
    "01_accuracy",
    "Accuracy of each method, with 95 % intervals. Filled: dev; open: test, where it has labels. Grey: methods "
    "without a language model; diamonds are what the paper reports.",
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
# What the tuned models confuse. A bias towards one class shows here, and in the balanced accuracy of Table 1, which
# is the mean recall of the classes.

# %% tags=["hide-input"]
drawing.show(
    figures.confusion_chart(rows),
    settings.figures_folder,
    "01_confusion",
    "What full fine-tuning answers on dev for each true class, in % of that class, all seeds together.",
)

# %% [markdown]
# How small a difference can each dev set detect? Two runs that differ only in their seed are right on different
# examples; a difference between two methods has to stand out from that.

# %%
html.table(labelled.detectable_table(rows), "Minimum detectable effect of each dev set, in accuracy")

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
    "seed, the best one is repeated at the others), so that dev is optimistic, as in the paper. For the last linear "
    "layer, the outputs of the rest of the model are computed once, without dropout. Intervals are 95 %, with examples "
    "and seeds both taken as random. Texts of similar length share a batch."
)
items += ["", f"Dropout {', '.join(f'{rate:g}' for rate in dropout)}. {reading}"]
html.say("baseline_labelled_how", "\n".join(items))

# %% tags=["hide-input"]
drawing.show(
    figures.labelled_curves(records),
    settings.figures_folder,
    "01_labelled_curves",
    "Full fine-tuning by epoch: a colour per learning rate, a thin line per seed, their mean thick. A ring marks the "
    "epoch whose weights were kept, the one with the highest dev accuracy.",
)
html.source_line([record for row in rows for record in row.records], folder, command)

# %% [markdown]
# ## The data
#
# What the paper's figures 6 to 9 show, drawn from the data as this chapter read it.

# %% tags=["hide-input"]
captions = {
    "sst": "The sentences of SST that this chapter read, by split and label, and their lengths. The paper's figure 6 "
    "shows its own.",
    "cfimdb": "The film reviews of CFIMDB that this chapter read, by split and label, and their lengths. The paper's "
    "figure 7 shows its own.",
    "quora": "The question pairs that this chapter read, by split and label, and the lengths of their prompts. The "
    "paper's figure 8 shows its own, many more.",
    "sonnets": "Shakespeare's sonnets by split, and their lengths. The paper's figure 9 adds synthetic ones.",
}
for task, caption in captions.items():
    drawing.show(figures.data_chart(records, task), settings.figures_folder, f"01_data_{task}", caption)
sizes = [f"{name} {ours:,} (the paper: {paper:,})" for name, (ours, paper) in labelled.data_sizes(records).items()]
html.say("baseline_sizes", f"Examples in all splits: {', '.join(sizes)}.")
html.source_line([record for record in records if record.run.method == "data"], folder, command)

# %% [markdown]
# ## Sonnets: the score and its floors

# %% tags=["hide-input"]
drawing.show(
    figures.score_chart(scores),
    settings.figures_folder,
    "01_scores",
    "Score and likelihood of each method, with 95 % intervals. Filled: dev; open: test. The grey band is the interval "
    "of random training lines on dev; diamonds are what the paper reports for GPT-2 Small.",
)

# %% tags=["hide-input"]
gap, gain = sonnets.difference(full, lines, "dev", "chrf"), sonnets.difference(full, base, "test", "bpc")
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
html.table(sonnets.chrf_table(scores, lengths), "chrF over the whole sonnet, the three lines of the prompt included")

# %%
html.table(sonnets.other_table(scores), "What else can be measured on the same runs")

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
    f"lowest dev loss at the first seed, of {', '.join(map(rate_text, rates))}, so that dev is optimistic and test is "
    "not. Intervals are 95 %, with sonnets and seeds both taken as random; the spread of one draw is the standard "
    f"deviation of the corpus score over single samples. chrF: `{chrf_signature()}`.",
)
html.source_line([record for row in scores for record in row.records], folder, command)

# %% [markdown]
# ### How the training went
#
# Loss on the training sonnets and on lines 4–14 of the dev sonnets, epoch by epoch. The training loss is an average
# over the epoch, the dev loss is taken after it; epoch 0 is the base. The weights of the epoch with the lowest dev
# loss are kept, and training stops when it no longer falls.

# %% tags=["hide-input"]
drawing.show(
    figures.learning_curves(records),
    settings.figures_folder,
    "01_learning_curves",
    "Loss by epoch: a colour per learning rate, a thin line per seed, their mean thick. A ring marks the epoch whose "
    "weights were kept.",
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
        f"{metrics['tokens_per_second']:,.0f} tokens per second: {metrics['training_gflops']:.0f} GFLOP/s (6 × "
        f"{metrics['parameters']:,} parameters per token), {metrics['share_of_gemm']:.2f} of the "
        f"{metrics['gemm_gflops']:.0f} GFLOP/s of FP32 matrix products of {SIZE} × {SIZE} in the same process; base "
        f"{run.base}, batch size {run.batch_size}, dropout {run.dropout:g}, {place['threads']} thread, "
        f"{place['device_name']}."
    )
if measured.borrowed:
    said += (
        f" That is the published record, of profile `{measured.profile}`; `{measured.here}` measures profile "
        f"`{measured.asked}` on this machine."
    )
html.say("baseline_speed", said)
html.source_line(measured.records, measured.folder, measured.source)

# %% [markdown]
# And what the paper's own grids would take on GPT-2 Small, profile `paper`, for full fine-tuning.

# %%
html.table(gpu_cost.cost_table(records), "Profile paper on one GPU, calculated")

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
html.table(spot_check.spot_table(then, now), "A run of this chapter as recorded, and computed again")
