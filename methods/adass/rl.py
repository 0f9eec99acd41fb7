"""The RL search: REINFORCE (Eq. 8) with the resource competition penalty (Eq. 9), section 3.2.

State: the present size of each field. Action: the next. Policy: ``Policy``. From the state several
actions are drawn; each is an allocation whose subnet the supernet scores, and one of them, the
first, becomes the next state. With a budget the environment takes the nearest allocation within it
in place of an action, so that the policy is rewarded for what would be built.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aesbench import Context
from aesbench_methods.adass.config import AdaSSConfig
from aesbench_methods.adass.objective import Objective
from aesbench_methods.adass.policy import Policy
from aesbench_methods.adass.space import Sizes

Track = list[tuple[Sizes, Sizes]]
"""The paper's τ: states and the actions taken in them."""

PROBABILITY_INTERVAL = 5
"""Updates between two records of the whole of P."""

ENTROPY_FALL = 1e-3
"""What is left of the entropy bonus at the end of a search. It falls by equal factors, so that
effects of size large and small get equal time to show."""

READINGS = 10
"""The most steps towards a fixed point of the likeliest sizes when the result is read."""


def reinforce_loss(log_probabilities: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    """Return the first term of Eq. 8: its gradient is that of minus the expected reward.

    Args:
        log_probabilities: (fields, candidates) of the policy at the state.
        actions: (actions, fields) drawn from it.
        advantages: (actions,) rewards, less a baseline if there is one.
    """
    fields = torch.arange(actions.shape[1], device=actions.device)
    log_p = log_probabilities[fields, actions].sum(1)  # (actions,), log p of whole allocations
    return -(log_p * advantages).mean()


def leave_one_out(rewards: Tensor) -> Tensor:
    """Return each reward less the mean of the others, ``(actions,)``: a baseline without bias."""
    return (rewards - rewards.mean()) * len(rewards) / (len(rewards) - 1)


def competition_penalty(probabilities: Tensor, prices: Tensor, lambda_c: float) -> Tensor:
    """Return the penalty of Eq. 9.

    Args:
        probabilities: P (fields, candidates).
        prices: (fields, candidates), as printed λ_r d_j / M in whatever unit sizes are counted.
        lambda_c: weight of the distance from uniform probabilities, which is rewarded.
    """
    resources = (probabilities * prices).sum()
    uniform = 1 / probabilities.shape[1]
    # The norm has no gradient at uniform probabilities, where an untrained policy may start.
    distance = ((probabilities - uniform).square().sum(1) + 1e-12).sqrt().mean()
    return resources - lambda_c * distance


def search(objective: Objective, config: AdaSSConfig, context: Context) -> Sizes:
    """Return the best allocation scored on the way, or the likeliest, as ``result`` says."""
    space, generator = objective.space, context.generator
    policy = Policy(len(space.fields), len(space.candidates), config.head, generator)
    optimizer = torch.optim.Adam(policy.parameters(), lr=config.policy_learning_rate)
    prices = torch.from_numpy(objective.prices).float()
    state = objective.random()
    track: Track = []
    likeliest, unchanged = state, 0
    for step in range(config.steps):
        log_p = policy(torch.tensor([state]))[0]
        probabilities = log_p.exp()  # (fields, candidates), the paper's P
        actions = torch.multinomial(
            probabilities.detach(), config.actions, replacement=True, generator=generator
        ).T  # (actions, fields)
        taken = [space.nearest(tuple(action)) for action in actions.tolist()]
        rewards = torch.tensor([objective.reward(sizes) for sizes in taken]) / objective.unit

        # How much of the search is over, by steps or by evaluations.
        spent = max(step / config.steps, len(objective.seen) / config.evaluations)
        advantages = leave_one_out(rewards) if config.baseline else rewards
        loss = reinforce_loss(log_p, actions, advantages)
        if config.credit == "track":
            loss = loss - track_log_probability(policy, track) * advantages.mean()
            track = [] if len(track) + 1 >= config.track_steps else track
            track.append((state, tuple(actions[0].tolist())))
        entropy = -(probabilities * log_p).sum(1).mean()
        lambda_c = config.lambda_c * (min(1.0, 2 * spent) if config.ramp else 1.0)
        penalty = competition_penalty(probabilities, prices / objective.unit, lambda_c)
        loss = loss + penalty - config.entropy * ENTROPY_FALL**spent * entropy

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        _record(context, step, objective, probabilities, entropy, rewards * objective.unit)
        context.progress("policy update", step + 1, config.steps)
        state = taken[0]
        now = tuple(log_p.argmax(1).tolist())
        unchanged = unchanged + 1 if now == likeliest else 0
        likeliest = now
        settled = spent >= 0.5 or not (config.entropy or config.ramp)
        if objective.exhausted or (settled and unchanged >= config.patience_steps):
            break
    sizes = _read(policy, objective, state)
    if config.result == "likeliest":
        return sizes
    objective.value(sizes)  # It may never have been drawn.
    return objective.best()


def track_log_probability(policy: Policy, track: Track) -> Tensor:
    """Return log p_θ(τ) of Eq. 8: the sum over the actions of a track, under the present policy."""
    if not track:
        return torch.zeros(())
    states = torch.tensor([state for state, _ in track])
    actions = torch.tensor([action for _, action in track])
    return policy(states).gather(2, actions.unsqueeze(2)).sum()


def _record(
    context: Context,
    step: int,
    objective: Objective,
    probabilities: Tensor,
    entropy: Tensor,
    rewards: Tensor,
) -> None:
    """Record what makes a search's course plain to see."""
    sizes = torch.tensor(objective.space.candidates, dtype=torch.float32)
    context.trace("mean reward of the sampled subnets", step, float(rewards.mean()))
    context.trace("entropy of the policy (nats per field)", step, float(entropy.detach()))
    context.trace("expected size", step, (probabilities.detach() @ sizes).tolist())
    if step % PROBABILITY_INTERVAL == 0:
        context.trace("probability of sizes", step, probabilities.detach().tolist())


@torch.no_grad()
def _read(policy: Policy, objective: Objective, state: Sizes) -> Sizes:
    """Return the likeliest allocation of the space, at a state that proposes itself if it can."""
    for _ in range(READINGS):
        log_p = policy(torch.tensor([state]))[0]
        proposed = objective.space.best(log_p.double().numpy())
        if proposed == state:
            break
        state = proposed
    return state
