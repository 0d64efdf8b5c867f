"""The books of one transaction: every port that the handlers need, over the same snapshot."""

from goal_service.adapters.alive import MongoAlive
from goal_service.adapters.directory import MongoDirectory, MongoViews
from goal_service.adapters.facts import MongoFacts
from goal_service.adapters.goals import AuditJournal, MongoDefinitions, MongoGoals
from goal_service.adapters.holidays import holidays_of
from goal_service.adapters.policies import MongoPolicies
from goal_service.adapters.post import OutboxPost
from goal_service.adapters.progress import MongoProgress
from goal_service.adapters.uses import MongoUses
from service_kit.guards import Guards
from service_kit.outbox import Outbox
from service_kit.store import Tx


class FactBooks:
    """What the handlers of the facts log work on."""

    def __init__(
        self,
        *,
        facts: MongoFacts,
        progress: MongoProgress,
        uses: MongoUses,
        alive: MongoAlive,
        post: OutboxPost,
    ) -> None:
        self.facts = facts
        self.progress = progress
        self.uses = uses
        self.alive = alive
        self.post = post


class GoalBooks:
    """What the handlers of goals, policies, definitions and the directory work on."""

    def __init__(self, tx: Tx, outbox: Outbox, partitions: int, guards: Guards) -> None:
        self.goals = MongoGoals(tx)
        self.definitions = MongoDefinitions(tx)
        self.policies = MongoPolicies(tx)
        self.holidays = holidays_of
        self.journal = AuditJournal(tx)
        self.directory = MongoDirectory(tx, guards)
        self.views = MongoViews(tx)
        self.post = OutboxPost(outbox, partitions)
