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
#
# A weight takes 32 bits, or 8, or 4. The paper stores its fine-tuned GPT-2 Small in formats from FP64 down to INT4,
# and fine-tunes it with rounding in the loop (quantization-aware fine-tuning, QAFT). It concludes that INT4 collapses
# without QAFT, that QAFT keeps the sonnets, and that it quietly damages what else the model could do. This chapter
# stores real bytes, gives INT4 more than one scale, and measures generality in ways that could have come out
# otherwise.

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
from frugal_lib.chapters.quantization import claims, figures, speed, tables, text
from frugal_lib.chapters.quantization import results as quantization
from frugal_lib.profiles import load_profile
from frugal_lib.report import drawing, html, spot_check, verdict

settings = load_profile(profile)
folder = settings.results_folder(results)
records = registry.records_of("quantization", settings, folder, seed, device)
found = quantization.quantization_results(records)
command = f"python -m frugal_lib sweep quantization --profile {profile}"
html.say("quantization_verdict", claims.quantization_sentence(found))

# %% [markdown]
# ## What survives
#
# The paper's claims about quantization, and what our records say of them. Losses are those of the true lines 4–14 of
# the test sonnets; differences are paired by sonnet and by seed, and the words in the second column follow from the
# intervals. That generality is damaged counts as shown where one measure is worse beyond doubt and perhaps by more
# than 0.05 (of AUROC, or bits per character), and as refuted where none is worse by more than that. A measure in
# which the base itself is no better than chance has nothing to lose and is left out.

# %%
html.table(verdict.verdict_table(claims.quantization_verdicts(found)), "Claims of the paper about quantization")

# %%
html.say("quantization_how", text.quantization_how(found))
html.source_line([record for arm in found.arms for record in arm.records], folder, command)

# %% [markdown]
# ## Formats: bytes and quality
#
# The paper's Figure 2: bars are megabytes, lines are chrF. Its INT8 and INT4 have one scale per tensor, and its sizes
# are bits × parameters; ours are those of the file, with embeddings, which stay in FP32, and scales.

# %%
drawing.show(figures.sizes_and_scores(found), settings.figures_folder, "03_sizes_and_scores")
html.say("quantization_unsupported", text.unsupported_sentence(found))

# %%
html.say("quantization_sizes", text.sizes_sentence(found))
html.table(tables.format_table(found, folder), "Figure 2 as a table: bytes and quality of every format")

# %% [markdown]
# chrF hardly moves where the model no longer knows what Shakespeare would write: eleven random lines score as much.
# The loss on the true lines tells formats apart.

# %%
drawing.show(figures.loss_by_format(found), settings.figures_folder, "03_loss_by_format")

# %% [markdown]
# ### Four bits, and what shares a scale
#
# One large weight sets the step of all that share its scale. The same fine-tuned models, rounded to four bits with a
# scale per tensor, per channel (row of the matrix) and per block of 64 weights; NF4 spaces its sixteen values as
# normally distributed weights want them.

# %%
html.table(tables.int4_table(found, folder), "The same models in four bits: loss in nats per token")

# %% [markdown]
# ## Speed
#
# The paper's Table 2, beside one machine of ours, measured with nothing else running. A chapter is not built like that:
# the page shows the record.

# %%
rates = speed.shown(settings, folder)
html.say("quantization_speed", rates.say(text.speed_sentence))
html.table(tables.speed_table(rates.records, rates.folder), "Table 2: size and tokens per second by format")

# %%
html.source_line(rates.records, rates.folder, rates.source)

# %% [markdown]
# ## Generality
#
# ### The paper's protocol
#
# The paper's Figure 5 puts a paraphrase head on the sonnet model and asks it about Quora's pairs. The head was not
# trained: it is what a random generator drew. Here the same is done with many heads.

# %%
html.say("quantization_zero_shot", text.zero_shot_sentence(found))
drawing.show(figures.zero_shot_bars(found), settings.figures_folder, "03_zero_shot")

# %%
html.table(tables.head_table(found), "Untrained heads on Quora's pairs")

# %% [markdown]
# ### Four measures that can fail
#
# A pair is put to the model as a question, and the likelihoods of “yes” and “no” behind it are compared: the language
# model's own head, which was trained (AUROC; 0.5 is chance). A linear probe of the same hidden state says whether the
# answer is still in there. Bits per character on leading articles and on late poems by Yeats say what became of the
# language model elsewhere. MRPC and these texts were trained on by nobody here.

# %%
drawing.show(figures.generality_chart(found), settings.figures_folder, "03_generality")

# %%
html.table(tables.generality_table(found, folder), "Measures of generality, as they are")

# %% [markdown]
# Balanced accuracy needs a threshold, and a model leans to one answer whatever it is asked. The lean is what prompts
# without content score (in nats, “yes” over “no”), and is taken off first (Zhao et al. 2021).

# %%
html.table(tables.balanced_table(found), "Yes or no, calibrated")

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind. On one machine the texts come out the
# same and the likelihoods agree to about seven digits; on another processor the last digits of a probability differ,
# and now and then a sampled word with them.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("quantization", records, device)
html.say("quantization_spot", spot_check.spot_sentence(then, now))
html.table(spot_check.spot_table(then, now))
