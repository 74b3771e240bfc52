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
# # 2. LoRA
#
# Low-rank adaptation (LoRA, Hu et al. 2021) freezes a model and trains two thin matrices beside each of its
# linear layers. The paper swept its rank and learning rate on the sonnets with GPT-2 Small, and concludes that LoRA
# matches full fine-tuning, takes higher learning rates and overfits less. It judged by chrF on twelve dev sonnets.
# This chapter repeats the sweep on two small bases, reads the paper's own runs again from the file it released, and
# asks whether twelve sonnets can tell.

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
from frugal_lib.chapters.lora import claims, figures, paper_sweep, step_tables, steps, tables, training
from frugal_lib.chapters.lora import results as lora
from frugal_lib.profiles import load_profile
from frugal_lib.report import drawing, html, spot_check, verdict

settings = load_profile(profile)
folder = settings.results_folder(results)
records = registry.records_of("lora", settings, folder, seed, device)
found = lora.lora_results(records)
verdicts = claims.lora_verdicts(found)
command = f"python -m frugal_lib sweep lora --profile {profile}"
html.say("lora_verdict", claims.verdict_sentence(found))

# %% [markdown]
# ## What survives
#
# The paper's claims about LoRA, and what our records say of them. Losses are those of the true lines 4–14 of held-out
# sonnets, differences are paired by sonnet and by seed, and the words in the second column follow from the intervals.

# %%
html.table(verdict.verdict_table(verdicts), "Claims of the paper about LoRA")

# %%
drawing.show(figures.rank_gaps(found), settings.figures_folder, "02_rank_gaps")
html.say("lora_how", training.lora_how(found))

# %%
html.source_line([record for arm in found.arms for record in arm.kept], folder, command)

# %% [markdown]
# ## Rank and learning rate
#
# The paper's Table 3. It kept for each rank the learning rate with the highest dev chrF; we keep the one with the
# lowest dev loss, at the first seed, and repeat it at the others. Trainable parameters are counted on the models.

# %%
html.table(tables.rank_table(found, folder), "Table 3: the best learning rate of each rank, the paper's and ours")

# %% [markdown]
# The same runs by the loss on the true lines: a measure that random lines cannot reach, and in which every token
# counts.

# %%
html.table(tables.likelihood_table(found, folder), "Held-out loss of each rank beside full fine-tuning")

# %% [markdown]
# The paper's Figure 10, drawn from its file, and ours beside it on the same axes. The grey band holds 95 % of the
# scores of eleven random lines of training sonnets: no model, no training.

# %%
drawing.show(figures.chrf_by_rate(found), settings.figures_folder, "02_chrf_by_rate")
html.source_line([found.paper_record, found.floor], folder, command)

# %% [markdown]
# ## Losses, overfitting, learning rates
#
# The paper's Figure 4: train and dev loss at the last epoch. Its runs and ours stop when the dev loss no longer
# falls, so the last epoch is some way past the best one.

# %%
drawing.show(figures.losses_by_rate(found), settings.figures_folder, "02_losses_by_rate")
html.source_line([record for arm in found.arms for record in arm.tried], folder, command)

# %%
html.table(training.overfit_table(found, folder), "Overfitting: train and dev loss at the kept and at the last epoch")

# %% [markdown]
# How high a learning rate each tolerates: the same rates, tried with both.

# %%
html.say("lora_failures", training.failures(found))
html.table(training.tolerance_table(found, folder), "Dev loss by learning rate, full fine-tuning and the best rank")

# %% [markdown]
# ## Alpha and modules
#
# The paper's Tables 5 and 6. The adapter's output is scaled by α / rank; ours is tried at the best rank and rate, with
# one seed, as in the paper. Attention alone has the same grid of rates as both, and three seeds at the best.

# %%
html.table(tables.alpha_table(found, folder), "Table 5: α at the best rank and learning rate")

# %%
html.table(tables.module_table(found, folder), "Table 6: attention and MLP, or attention only")

# %%
html.source_line([r for base in found.bases for r in found.attention(base).kept], folder, command)

# %% [markdown]
# ## The paper's tables and its file
#
# The runs that the paper released, against the numbers it prints.

# %%
html.say("lora_printed", paper_sweep.differing_sentence(found))
html.table(paper_sweep.differing_table(found), "Printed numbers that the released file gives otherwise")

# %% [markdown]
# ## Can twelve sonnets tell?
#
# A chrF score of twelve sonnets moves when nothing but the random draw changes. How many of the differences
# within the paper's tables are larger than that? Two scores differ visibly when they are further apart than 95 % of
# pairs that differ by the draw alone.

# %%
html.table(paper_sweep.noise_table(found), "Pairs of scores in the paper's tables that differ by more than noise")

# %% [markdown]
# And a best score grows with the number of tries. The curves are the expected best of so many runs (Dodge et al. 2019).

# %%
drawing.show(figures.best_of_chart(found), settings.figures_folder, "02_best_of")
html.say("lora_best_of", paper_sweep.best_of_sentence(found))
html.source_line([found.paper_record, found.floor], folder, command)

# %% [markdown]
# ### Does chrF agree with the loss?
#
# If chrF measured what fine-tuning learns, runs with a lower loss would score higher: Spearman's ρ near −1.

# %%
drawing.show(figures.agreement_chart(found), settings.figures_folder, "02_agreement")
html.table(paper_sweep.agreement_table(found), "Rank correlation of dev loss and dev chrF over runs")

# %% [markdown]
# ## What LoRA saves
#
# One training step on the same batch, measured in turns with nothing else running. A chapter is not built like that:
# the page shows the records.

# %%
costs = steps.shown(settings, folder)
html.say("lora_steps", costs.say(step_tables.step_sentence))
if costs.records:
    drawing.show(step_tables.step_chart(costs.records), settings.figures_folder, "02_steps")

# %% [markdown]
# Memory by part is counted, tensor by tensor. The peak is what the system saw of the process, with what its allocator
# holds in reserve (256 MB at a time), and on a CPU that is too coarse to show what LoRA saves; on a GPU it is what
# torch allocated.

# %%
html.table(step_tables.step_table(costs.records, costs.folder), "Time and memory of one step")

# %%
html.say("lora_steps_why", step_tables.step_why(costs.records))
html.table(step_tables.profile_table(costs.records), "Where the time of one step goes, in ms")

# %%
html.source_line(costs.records, costs.folder, costs.source)

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind. On one machine the texts come out the
# same and the likelihoods agree to about seven digits; on another processor the last digits of a probability differ,
# and now and then a sampled word with them.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("lora", records, device)
html.say("lora_spot", spot_check.spot_sentence(then, now))
html.table(spot_check.spot_table(then, now))
