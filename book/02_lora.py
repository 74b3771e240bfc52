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

# %% [markdown]
# Low-rank adaptation (LoRA, Hu et al. 2021) freezes a model and trains two thin matrices beside each of its
# linear layers. The paper swept its rank and learning rate on the sonnets with GPT-2 Small, and concludes that LoRA
# matches full fine-tuning, tolerates higher learning rates and overfits less. It chose its settings by chrF, which
# counts the sequences of characters that a text shares with the true one, on twelve sonnets (the dev set). This chapter
# repeats the sweep on two small models, reads the paper's own runs again from the file it released, and asks whether
# twelve sonnets are enough to tell.

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
from frugal_lib.chapters.lora import claims, figures, paper_sweep, steps, tables, training
from frugal_lib.chapters.lora import results as lora
from frugal_lib.data.sonnets import EDITIONS
from frugal_lib.paper import confirmed, published
from frugal_lib.profiles import load_profile
from frugal_lib.report import claim, drawing, findings, folded, html, spot_check, verdict
from frugal_lib.report.arm import chrf_gap, gap
from frugal_lib.report.cells import cell, rate_text, signed
from frugal_lib.report.contrast import FOLDS

settings = registry.profile_of(profile, base)
folder = settings.results_folder(results)
records = registry.records_of("lora", settings, folder, seed, device)
folds = registry.folds_of("lora", settings, folder, seed, device)
found = lora.lora_results(records, folds)
command = f"python -m frugal_lib sweep lora --profile {profile}"

# %% tags=["answer", "hide-input"]
answers = []
for base in found.bases:
    best = found.best(base)
    contrast = found.contrast(best, found.full(base))
    source, difference, won = contrast.decisive
    crossed = source == FOLDS
    sonnets = "sonnets, each held out once" if crossed else "test sonnets"
    answers.append(
        f"on `{base}` full fine-tuning gains {cell(won, 4)} bits per character on {difference.items} {sonnets}, and "
        f"LoRA of rank {contrast.one.folds.run.rank if crossed else best.rank} ends {cell(difference, 4, '+')} from it"
    )
noise = paper_sweep.visible_from(found.floor.metrics["dev_chrf_sd"])
words = claim.on_bases(partial(claims.matches, found), found.bases)
html.say(
    "lora_verdict",
    "**Does LoRA (low-rank adaptation), which trains a few thin matrices, do as well as training everything?** That it "
    f"does: {words}. By how well the true lines are predicted, {'; '.join(answers)}. In the paper's own sweep the "
    f"lowest dev loss of LoRA is {claims.best_paper(found, True):.3f} nats per token, that of full fine-tuning "
    f"{claims.best_paper(found, False):.3f}. By chrF, {paper_sweep.visible_pairs(claims.table3().dev_chrf, noise)} "
    "pairs of scores in its Table 3 are further apart than two draws of random lines would be.",
)

# %% [markdown]
# ## What survives
#
# The paper's claims about LoRA, and what our records say about them. A loss says how badly a model predicts the true
# lines 4–14 of sonnets that it was not trained on, in bits per character or in nats per token (a nat is 1.44 bits).
# Where a profile has a cross-validation over all 154 sonnets it is measured there, else on the ten test sonnets.
# Differences are paired by sonnet and by seed, and the words in the second column follow from the intervals.

# %%
verdicts = claim.verdicts(claims.CLAIMS, found, found.bases)
html.table(verdict.verdict_table(verdicts), "Claims of the paper about LoRA", findings.counted(verdicts))

# %% tags=["hide-input"]
every_rank = [arm for base in found.bases for arm in found.ranks(base)]
by_rank = findings.losses((gap(arm, found.full(arm.base), "test") for arm in every_rank), "full fine-tuning")
worse, better, _ = findings.beside_zero(chrf_gap(arm, found.full(arm.base), "dev") for arm in every_rank)
drawing.show(
    figures.rank_gaps(found),
    settings.figures_folder,
    "02_rank_gaps",
    f"{by_rank} By chrF, {better} are higher and {worse} lower. LoRA minus full fine-tuning, each at its best setting, "
    "with 95 % intervals paired by sonnet and seed. Left: test loss, lower is better; shaded is what counts as a "
    "match. Right: dev chrF.",
)

# %% tags=["hide-input"]
grids = []
for base in found.bases:
    full_rates, adapter_rates = (", ".join(map(rate_text, one.rates)) for one in (found.full(base), found.best(base)))
    grids.append(
        f"`{base}` ({found.untuned[base].metrics['parameters'] / 1e6:.1f} M parameters): full fine-tuning at "
        f"{full_rates}; LoRA of rank {', '.join(str(one.rank) for one in found.ranks(base))} at {adapter_rates}"
    )
compared = [one for base in found.bases for one in (found.full(base), found.best(base))]
edges = ", ".join(f"{one.name} on `{one.base}` ({one.edge})" for one in compared if one.edge)
beyond = f" The kept rate is at an edge of its grid for {edges}: a better one may lie beyond it." if edges else ""
run, trials = compared[0].records[0].run, {record.run for one in found.arms for record in (*one.tried, *one.records)}
html.say(
    "lora_how",
    f"*How it was measured.* {'; '.join(grids)}. Sonnets: {EDITIONS[run.edition]}. Batch size {run.batch_size}, up to "
    f"{run.epochs} epochs, stopped after {run.patience} without a lower dev loss, {run.samples} samples a prompt, "
    f"dropout {run.dropout:g}. α is {compared[1].alpha:g}. {len(trials)} runs in all. The setting of each rank is the "
    "one with the lowest dev loss at the first seed, and LoRA had more settings to choose from than full fine-tuning: "
    f"dev is optimistic, test is not.{beyond} A match is a loss that is higher by at most "
    f"{100 * verdict.MARGIN:.0f} % of what full fine-tuning gains over the base: it *{verdict.SUPPORTED}* where the "
    f"whole interval lies within that margin, is *{verdict.CONTRADICTED}* where the whole interval lies beyond it, and "
    f"else *{verdict.OPEN}*. Intervals are 95 %, with sonnets, folds and seeds taken as random.",
)

# %%
html.source_line([record for one in found.arms for record in one.records], folder, command)

# %% [markdown]
# ## Every sonnet held out once
#
# Ten test sonnets cannot tell LoRA from full fine-tuning. Here all 154 are divided into folds, sonnets that share lines
# in one, and each is held out once: models train on the other folds, less twelve sonnets on which training stops. The
# rate is the one that did best on those twelve in the first fold. A model is evaluated by its loss alone.

# %%
html.table(
    folded.cross_validation_table(found.folds, tables.arm_name),
    "Loss on all 154 sonnets, each held out once",
    findings.losses(folded.differences(found.folds), "full fine-tuning"),
)

# %% tags=["hide-input"]
if not any(one.run.rank for one in found.folds):
    html.say(
        "lora_folds", "**Not run yet in this profile**: LoRA. Until then the verdicts rest on the ten test sonnets."
    )

# %%
html.source_line(folds, folder, command)

# %% [markdown]
# ## Rank and learning rate
#
# The paper's Table 3. It kept for each rank the learning rate with the highest dev chrF; we keep the one with the
# lowest dev loss, at the first seed, and repeat it at the others. Trainable parameters are counted on the models.

# %%
ranges = {"the paper": claims.table3().dev_chrf.drop("full", errors="ignore")}
ranges |= {f"`{base}`": [arm.chrf().mean for arm in found.ranks(base)] for base in found.bases}
spans = ", ".join(f"{findings.spread(scores)} ({name})" for name, scores in ranges.items())
tried = {base: [record for arm in found.ranks(base) for record in arm.tried] for base in found.bases}
took = {base: np.mean([record.environment["seconds"] / 60 for record in runs]) for base, runs in tried.items()}
few = [base for base in found.bases if len(found.ranks(base)) < len(ranges["the paper"])]
why = "".join(
    f" `{base}` was trained at rank {', '.join(str(arm.rank) for arm in found.ranks(base))} alone, to save time: a "
    f"run of it takes {took[base]:.1f} minutes of one core; a dash is a rank that was not tried."
    for base in few
)
html.table(
    tables.rank_table(found, folder),
    "Table 3: the best learning rate of each rank, the paper's and ours",
    f"From its lowest to its highest rank, LoRA scores {spans}.{why}",
)

# %% [markdown]
# The same runs, measured by how well they predict the true lines. Here every token counts, and random lines gain
# nothing.

# %%
html.table(tables.likelihood_table(found, folder), "Held-out loss of each rank beside full fine-tuning", by_rank)

# %% [markdown]
# The paper's Figure 10, drawn from its file, and ours beside it on the same axes. The grey band holds 95 % of the
# scores of eleven random lines of training sonnets: no model, no training.

# %% tags=["hide-input"]
_, highest = np.quantile(found.draws, [0.025, 0.975])
drawn = figures.points(found)
above = ", ".join(f"{sum(runs.chrf > highest)} of {len(runs)} runs ({name})" for name, runs in drawn.items())
drawing.show(
    figures.chrf_by_rate(found),
    settings.figures_folder,
    "02_chrf_by_rate",
    f"Above the band of random lines are {above}. The paper's figure 10 redrawn from its released runs (batch size "
    "16), and ours: dev chrF by learning rate, a colour per rank, full fine-tuning black. Grey: 95 % of draws of "
    "eleven random training lines.",
)
html.source_line([found.paper_record, found.floor], folder, command)

# %% [markdown]
# ## Losses, overfitting, learning rates
#
# The paper's Figure 4: train and dev loss at the last epoch. Its runs and ours stop when the dev loss no longer
# falls, so the last epoch is some way past the best one.

# %% tags=["hide-input"]
lowest = {
    name: [rate_text(runs.loc[runs[is_full == kind].dev_loss.idxmin()].rate) for kind in (True, False)]
    for name, runs, is_full in ((name, runs, runs["rank"] == 0) for name, runs in drawn.items())
}
rates = "; ".join(
    f"{full} for full fine-tuning, {adapters} for LoRA ({name})" for name, (full, adapters) in lowest.items()
)
drawing.show(
    figures.losses_by_rate(found),
    settings.figures_folder,
    "02_losses_by_rate",
    f"The dev loss is lowest at a rate of {rates}. The paper's figure 4 redrawn from its released runs (batch size "
    "16), and ours: train and dev loss at the last epoch, a colour per rank, full fine-tuning black.",
)
html.source_line([record for one in found.arms for record in one.tried], folder, command)

# %%
gaps = {base: [lora.overfit(arm).mean() for arm in (found.full(base), found.best(base))] for base in found.bases}
said = ", ".join(f"{signed(full, 3)} and {signed(best, 3)} on `{base}`" for base, (full, best) in gaps.items())
html.table(
    tables.overfit_table(found, folder),
    "Overfitting: train and dev loss at the kept and at the last epoch",
    f"At the last epoch the dev loss minus the train loss is, for full fine-tuning and the best rank of LoRA, {said}.",
)

# %% [markdown]
# How high a learning rate each tolerates: the same rates, tried with both.

# %% tags=["hide-input"]
highest = [
    f"{rate_text(full)} for full fine-tuning and {rate_text(adapters)} for LoRA ({name})"
    for name, (full, adapters) in lora.tolerated(found).items()
]
states = [record.status for record in found.others]
ended = ", ".join(f"{states.count(state)} {state}" for state in ("diverged", "failed") if state in states)
html.say(
    "lora_failures",
    f"The highest rate whose dev loss at the last epoch is within {lora.TOLERANCE:g} nats of the lowest: "
    f"{'; '.join(highest)}. These are points of a grid, so each may be one step too low. "
    + (f"Runs that did not finish: {ended}." if ended else "No run of this chapter diverged or failed."),
)

# %%
times = [f"{adapters / full:.0f} times ({name})" for name, (full, adapters) in lora.tolerated(found).items()]
html.table(
    tables.tolerance_table(found, folder),
    "Dev loss by learning rate, full fine-tuning and the best rank",
    f"The highest rate that LoRA bears is that of full fine-tuning, {', '.join(times)}.",
)

# %% [markdown]
# ## Alpha and modules
#
# The paper's Tables 5 and 6. The adapter's output is scaled by α / rank; we vary α at the best rank and rate, with one
# seed, as in the paper. Adapters on attention alone have the same grid of rates as those on attention and on the
# multi-layer perceptron (MLP), and three seeds at the best rate.

# %%
by_alpha = {"the paper's file": [run.dev_loss for run in found.paper if run.kind == "alpha"]}
by_alpha |= {f"`{base}`": [arm.nats("dev").mean for arm in found.alphas(base)] for base in found.bases}
moves = ", ".join(f"{max(values) - min(values):.3f} ({name})" for name, values in by_alpha.items())
html.table(
    tables.alpha_table(found, folder),
    "Table 5: α at the best rank and learning rate",
    f"Over all α the dev loss moves, in nats per token, by {moves}.",
)

# %%
alone = [f"{cell(gap(found.attention(base), found.best(base), 'test'), 3, '+')} on `{base}`" for base in found.bases]
html.table(
    tables.module_table(found, folder),
    "Table 6: attention and MLP, or attention only",
    f"With adapters on attention only, the test loss is, in nats per token, {' and '.join(alone)} from that with both.",
)

# %%
html.source_line([r for base in found.bases for r in found.attention(base).records], folder, command)

# %% [markdown]
# ## The paper's tables and its file
#
# The runs that the paper released, against the numbers it prints.

# %% tags=["hide-input"]
numbers = list(confirmed.sweep_numbers(found.paper))
losses = {number.place: number.in_file for number in numbers if number.what == "dev loss"}
both, attention = losses["Table 6, attention + MLP"], losses["Table 6, attention only"]
lower = "attention alone has" if attention < both else "attention and MLP have"
html.say(
    "lora_printed",
    f"Of {len(numbers)} numbers in Tables 3, 5 and 6, the released file confirms "
    f"{sum(number.confirmed for number in numbers)}. By the file, {lower} the lower dev loss in Table 6 "
    f"({attention:.3f} against {both:.3f}).",
)

# %%
html.table(
    paper_sweep.differing_table(found),
    "Printed numbers that differ from the released file",
    f"For {sum(not number.confirmed for number in numbers)} of {len(numbers)} printed numbers the file has another.",
)

# %% [markdown]
# ## Can twelve sonnets tell?
#
# A chrF score of twelve sonnets changes with the random draw alone. How many of the differences within the paper's
# tables are larger than that? Two scores differ visibly when they are further apart than 95 % of pairs that differ by
# the draw alone.

# %%
html.table(
    paper_sweep.noise_table(found),
    "Pairs of scores in the paper's tables that differ by more than noise",
    f"In Table 3 {paper_sweep.visible_pairs(claims.table3().dev_chrf, noise)} pairs are further apart than chance "
    "moves a score of random lines.",
)

# %% [markdown]
# And the more runs are tried, the higher is the best of them, by luck alone. The curves say what best score to expect
# of so many runs (Dodge et al. 2019).

# %% tags=["hide-input"]
adapters, full = (paper_sweep.scores_of(found, adapters) for adapters in (True, False))
floor, trials = found.floor, min(len(adapters), len(found.draws))
luck = paper_sweep.best_of(found.draws, trials)
place = "below" if max(adapters) < luck.low else "above" if max(adapters) > luck.high else "within"
drawing.show(
    figures.best_of_chart(found),
    settings.figures_folder,
    "02_best_of",
    f"The paper's best LoRA, {max(adapters):.2f}, is {place} what the best of {trials} draws of random lines scores, "
    f"{luck.mean:.2f}. Expected best dev chrF by number of trials. Grey: random training lines, with the range of 95 "
    "% of bests; blue and black: the paper's runs, drawn from its sweep.",
)

# %% tags=["hide-input"]
printed = published.value("table1_baseline", "dev", dataset="sonnets", method="best LoRA")
html.say(
    "lora_best_of",
    f"The floor, eleven random lines of training sonnets, scores {floor.metrics['dev_chrf']:.2f} on dev, with a "
    f"standard deviation of {floor.metrics['dev_chrf_sd']:.2f} from draw to draw ({len(floor.examples):,} draws). The "
    f"best of {trials} draws scores {luck.mean:.2f} on average, and 95 % of such bests lie between "
    f"{luck.low:.2f} and {luck.high:.2f}. The paper's best LoRA, chosen from {len(adapters)} runs, has {printed:.2f} "
    f"as printed and {max(adapters):.2f} as the highest in its file, which is {place} that range. "
    f"{sum(score < luck.mean for score in adapters)} of the {len(adapters)} score less than the expected best of "
    f"as many random draws. The best of its {len(full)} runs of full fine-tuning has {max(full):.2f}.",
)

# %%
html.source_line([found.paper_record, found.floor], folder, command)

# %% [markdown]
# ### Does chrF agree with the loss?
#
# If chrF measured what fine-tuning learns, runs with a lower loss would score higher, and the rank correlation of the
# two (Spearman's ρ) would be near −1.

# %% tags=["hide-input"]
runs = paper_sweep.loss_and_chrf(found).items()
near = {name: paper_sweep.correlation(paper_sweep.learned(pairs)).split()[0] for name, pairs in runs}
agree = f"Near the lowest loss, ρ is {', '.join(f'{value} ({name})' for name, value in near.items())}."
drawing.show(
    figures.agreement_chart(found),
    settings.figures_folder,
    "02_agreement",
    f"{agree} Dev loss and dev chrF of each run whose loss is near the lowest of its sweep. ρ is Spearman's rank "
    "correlation of the two over these runs, with its 95 % interval; −1 would be agreement.",
)

# %%
html.table(paper_sweep.agreement_table(found), "Rank correlation of dev loss and dev chrF over runs", agree)

# %% [markdown]
# ## What LoRA saves
#
# One training step on the same batch, measured in turns with nothing else running. Chapters are built side by side, so
# this page shows what was measured and recorded before.

# %% tags=["hide-input"]
costs = steps.shown(settings, folder)
said = f"No speed was measured for this page; `{costs.source}` does, with nothing else running."
spoken = []
for record in costs.records:
    times = steps.factors(record)
    fast = ", ".join(str(rank) for rank, value in times.items() if value >= steps.WANTED)
    slow = ", ".join(str(rank) for rank, value in times.items() if value < steps.WANTED)
    spoken.append(
        f"on `{record.run.base}` at least {steps.WANTED} times as fast at {f'rank {fast}' if fast else 'no rank'}"
        + (f", not at {slow}" if slow else "")
        + f" (times as fast: {', '.join(f'{value:.2f} at rank {rank}' for rank, value in times.items())})"
    )
if spoken:
    first = costs.records[0]
    said = (
        f"A LoRA step on the same batch of {first.run.batch_size} sonnets, compared with a step of full fine-tuning: "
        f"{'; '.join(spoken)}. Measured in turns on {first.environment['threads']} thread of "
        f"{first.environment['device_name']}."
    )
if costs.borrowed:
    said += (
        f" That is the published record, of profile `{costs.profile}`; `{costs.here}` measures profile "
        f"`{costs.asked}` on this machine."
    )
html.say("lora_steps", said)
fastest = " ".join(
    f"On `{record.run.base}` a LoRA step is {findings.spread(steps.factors(record).values())} times as fast as a full "
    "one."
    for record in costs.records
)

# %% tags=["hide-input"]
if costs.records:
    drawing.show(
        figures.step_chart(costs.records),
        settings.figures_folder,
        "02_steps",
        f"{fastest} Speed of a training step by rank, full fine-tuning at 1 (left), and memory by part (right).",
    )

# %% [markdown]
# Memory by part is counted, tensor by tensor. The peak on a CPU is that of the process, including what its allocator
# holds in reserve (256 MB at a time), which is too coarse to show what LoRA saves; on a GPU it is what torch allocated.

# %%
html.table(tables.step_table(costs.records, costs.folder), "Time and memory of one step", fastest)

# %% tags=["hide-input"]
if costs.records:
    full, adapted = costs.records[0].examples[:2]
    before, after = full["profile"], adapted["profile"]
    saved = 1000 * (before["matrix products"] - after["matrix products"])
    other = 1000 * sum(before[part] for part in ("attention", "activation", "loss", "everything else"))
    html.say(
        "lora_steps_why",
        "Full fine-tuning multiplies matrices three times per layer (forward, backward for inputs, and for weights); "
        f"LoRA leaves out the third. On `{costs.records[0].run.base}` a full step takes "
        f"{full['operations'] / adapted['operations']:.2f} times the operations of one at rank {adapted['rank']}, and "
        f"{saved:.0f} ms more of matrix products. What LoRA cannot save is attention, activation and loss "
        f"({other:.0f} ms of a full step), and each adapter adds two thin products forward and four backward: "
        f"{after['products']:.0f} products per step instead of {before['products']:.0f}. Their time grows with the "
        "rank.",
    )

# %% [markdown]
# What training takes of a worker at the paper's size, whichever profile this page is of:

# %% tags=["hide-input"]
large, measures = training.on_file(), f"python -m frugal_lib benchmark training --profile {training.SIZE}"
said = f"Nothing was measured at the paper's size yet; `{measures}` does, with nothing else running."
for record in large:
    first, place = record.examples[0], record.environment
    said = (
        f"On `{record.run.base}` full fine-tuning reads {first['tokens_per_second']:,.0f} tokens per second on "
        f"{place['threads']} thread of {place['device_name']}: at 6 operations per parameter and token, "
        f"{first['share_of_gemm']:.2f} of the {first['gemm_gflops']:.0f} GFLOP/s of FP32 matrix products in the same "
        f"process, in {first['peak_mb'] / 1e3:.1f} GB."
    )
html.say("lora_training", said)

# %%
html.table(training.training_table(large), "Speed and memory of training by method, at the paper's size")

# %%
html.source_line(large, load_profile(training.SIZE).results_folder(), measures)

# %%
shares = [
    f"{100 * row['profile']['matrix products'] / row['seconds']:.0f} % on `{record.run.base}`"
    for record in costs.records
    for row in record.examples[:1]
]
html.table(
    tables.profile_table(costs.records),
    "Where the time of one step goes, in ms",
    f"Of a full step, matrix products take {' and '.join(shares)}." if shares else "",
)

# %%
html.source_line(costs.records, costs.folder, costs.source)

# %% [markdown]
# ## Spot check
#
# One run of this chapter, the quickest of its kind, computed from scratch in this build and compared with its record.
# `python -m frugal_lib verify --rerun kinds` does that with a run of every kind. On one machine the texts come out the
# same and the likelihoods agree to about seven digits; on another processor the last digits of a probability differ,
# and with them now and then a sampled word.

# %% tags=["remove-stderr"]
then, now = registry.spot_check("lora", records, device)
html.say("lora_spot", spot_check.spot_line(then, now))
html.table(
    spot_check.spot_table(then, now), "A run of this chapter as recorded, and computed again", findings.spot(then, now)
)
