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
# # 1. The baseline: fine-tuning on sonnets
#
# Before anything is made frugal there is a model that was fine-tuned in full, and a score that says how
# good it is. This chapter asks what that score can see. Beside the fine-tuned model stand the base as it
# was before, and three *floors* that have no model at all: the three given lines and nothing else, the
# given lines with random words, and the given lines with random lines of the training sonnets.

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
from frugal_lib import chapters, report
from frugal_lib.profiles import load_profile

settings = load_profile(profile)
folder = settings.results_folder(results)
records = chapters.records_of("baseline", settings, folder, seed, device)
rows = report.score_rows(records)
command = f"python -m frugal_lib sweep baseline --profile {profile}"
report.say("baseline_question", report.question())

# %% [markdown]
# ## The score and its floors

# %%
report.show(report.score_chart(rows), settings.figures_folder, "01_scores")
report.say("baseline_finding", report.finding(rows))

# %%
report.table(report.chrf_table(rows), "chrF over the whole sonnet, the three given lines included")

# %%
report.table(report.other_table(rows), "What else can be measured on the same runs")

# %%
report.say("baseline_how", report.how_measured(records))
report.source_line([record for row in rows for record in row.records], folder, command)

# %% [markdown]
# ## How the training went
#
# Loss of the training sonnets and of lines 4–14 of the dev sonnets, epoch by epoch. The training loss is
# an average over the epoch, the dev loss is taken after it; epoch 0 is the base. Weights
# are kept from the epoch with the lowest dev loss, and training stops when it no longer falls.

# %%
report.show(report.learning_curves(records), settings.figures_folder, "01_learning_curves")
report.source_line([record for record in records if record.history], folder, command)

# %% [markdown]
# ## Two completions to read
#
# A score is not a poem. The first sample of the first seed for two dev sonnets, beside the original (in the
# edition that this machine can have).

# %%
for sonnet, texts in report.readings(records, count=2):
    display(report.side_by_side(sonnet, texts))

# %% [markdown]
# ## Spot check
#
# One run of this chapter, computed from scratch in this build and compared with its record. On one machine
# the texts come out the same and the likelihoods agree to about seven digits; on another processor the
# last digits of a probability differ, and now and then a sampled word with them.

# %% tags=["remove-stderr"]
then, now = chapters.spot_check(records, device)
report.say("baseline_spot", report.spot_sentence(then, now))
report.table(report.spot_table(then, now))
