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
# Before anything is made frugal there is a model that was fine-tuned in full, and a score that says how
# good it is. The paper's Table 1 has four tasks: the sentiment of sentences (SST, five classes) and of film
# reviews (CFIMDB, two), whether two questions ask the same (Quora), and the ending of a sonnet. This chapter
# repeats them and asks what each score can see. Beside the fine-tuned models stand methods that know
# nothing or next to nothing: the most frequent class, words counted by TF-IDF, and, for the sonnets, the given
# lines with random words or random lines behind them.

# %% tags=["hide-cell"]
# Only in Colab: fetch the project and install what is missing; Colab's torch stays as it is.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("google") and importlib.util.find_spec("google.colab"):
    repository = os.environ.get("FRUGAL_REPOSITORY", "https://github.com/frugal-gpt2/frugal-gpt2")
    if not os.path.isdir("frugal-gpt2"):
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", repository, "frugal-gpt2"], check=True)
    os.chdir("frugal-gpt2")
    sys.path.insert(0, os.getcwd())
    subprocess.run([sys.executable, "-m", "frugal_lib.colab"], check=True)

# %% tags=["parameters"]
profile = "micro"  # smoke, micro or paper
seed = 0  # the first seed
device = "auto"  # auto, cpu or cuda
results = ""  # folder of the records; empty: the profile's own

# %% tags=["remove-stderr"]
from frugal_lib.chapters import registry
from frugal_lib.chapters.baseline import figures, gpu_cost, labelled_figures, sonnets, table1
from frugal_lib.chapters.baseline import labelled as chapters_baseline_labelled
from frugal_lib.chapters.baseline import speed as training_speed
from frugal_lib.profiles import load_profile
from frugal_lib.report import drawing, html, spot_check

settings = load_profile(profile)
folder = settings.results_folder(results)
records = registry.records_of("baseline", settings, folder, seed, device)
rows = sonnets.score_rows(records)
labelled = chapters_baseline_labelled.labelled_rows(records)
command = f"python -m frugal_lib sweep baseline --profile {profile}"
html.say("baseline_question", sonnets.question())

# %% [markdown]
# ## Table 1
#
# Every row of the paper's table, ours with a 95 % interval. Each number opens to the records behind it, one for
# each seed; a record holds what was answered to every single example.

# %%
html.table(table1.table1(labelled, rows, folder), "Table 1: ours, and the paper's GPT-2 beside it")

# %%
html.source_line([record for row in (*labelled, *rows) for record in row.records], folder, command)

# %% [markdown]
# ## Sentiment and paraphrase

# %%
drawing.show(labelled_figures.accuracy_chart(labelled), settings.figures_folder, "01_accuracy")
html.say("baseline_sentiment", chapters_baseline_labelled.sentiment_finding(labelled))
html.say("baseline_paraphrase", chapters_baseline_labelled.paraphrase_finding(labelled))

# %% [markdown]
# What the tuned models confuse. A model that leans on one class shows here, and in the balanced accuracy of
# Table 1, which is the mean over classes of the share that is found.

# %%
drawing.show(labelled_figures.confusion_chart(labelled), settings.figures_folder, "01_confusion")

# %% [markdown]
# How small a difference can each dev set show? Two runs that differ in nothing but the seed are right on
# different examples; a difference between two methods has to stand out from that.

# %%
html.table(
    chapters_baseline_labelled.detectable_table(labelled), "Minimum detectable effect of each dev set, in accuracy"
)

# %%
html.say("baseline_labelled_how", chapters_baseline_labelled.labelled_how(records))

# %%
drawing.show(labelled_figures.labelled_curves(records), settings.figures_folder, "01_labelled_curves")
html.source_line([record for row in labelled for record in row.records], folder, command)

# %% [markdown]
# ## The data
#
# The paper's figures 6 to 9, drawn from the data as this chapter read it.

# %%
for task in ("sst", "cfimdb", "quora", "sonnets"):
    drawing.show(labelled_figures.data_chart(records, task), settings.figures_folder, f"01_data_{task}")
html.say("baseline_sizes", chapters_baseline_labelled.data_sizes(records))
html.source_line([record for record in records if record.run.method == "data"], folder, command)

# %% [markdown]
# ## Sonnets: the score and its floors

# %%
drawing.show(figures.score_chart(rows), settings.figures_folder, "01_scores")
html.say("baseline_finding", sonnets.finding(rows))

# %%
html.table(sonnets.chrf_table(rows), "chrF over the whole sonnet, the three given lines included")

# %%
html.table(sonnets.other_table(rows), "What else can be measured on the same runs")

# %%
html.say("baseline_how", sonnets.how_measured(records))
html.source_line([record for row in rows for record in row.records], folder, command)

# %% [markdown]
# ### How the training went
#
# Loss of the training sonnets and of lines 4–14 of the dev sonnets, epoch by epoch. The training loss is
# an average over the epoch, the dev loss is taken after it; epoch 0 is the base. Weights
# are kept from the epoch with the lowest dev loss, and training stops when it no longer falls.

# %%
drawing.show(figures.learning_curves(records), settings.figures_folder, "01_learning_curves")
html.source_line([r for r in records if r.history and r.run.task == "sonnets"], folder, command)

# %% [markdown]
# ### Two completions to read
#
# A score is not a poem. The first sample of the first seed for two dev sonnets, beside the original (in the
# edition that this machine can have).

# %%
for sonnet, texts in sonnets.readings(records, count=2):
    display(html.side_by_side(sonnet, texts))

# %% [markdown]
# ## What it costs
#
# How fast a sonnet run trains, beside the matrix products that the same machine can do in FP32. It was measured with
# nothing else running, and a chapter is not built like that: the page shows the record.

# %%
speed = training_speed.shown(settings, folder)
html.say("baseline_speed", speed.say(lambda records: training_speed.summary(records[0])))
html.source_line(speed.records, speed.folder, speed.source)

# %% [markdown]
# And what the paper's own grids would take on GPT-2 Small, profile `paper`, for full fine-tuning.

# %%
html.table(gpu_cost.cost_table(records), "Profile paper on one GPU, calculated")

# %%
html.say("baseline_costs", gpu_cost.cost_how())

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind. On one machine the texts come out the
# same and the likelihoods agree to about seven digits; on another processor the last digits of a probability differ,
# and now and then a sampled word with them.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("baseline", records, device)
html.say("baseline_spot", spot_check.spot_sentence(then, now))
html.table(spot_check.spot_table(then, now))
