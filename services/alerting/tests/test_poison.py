"""One goal that cannot be judged keeps no other from the judge."""

from alerting.judge import PUT_OFF_SECONDS
from event_contracts.wire import partition_of


async def test_a_goal_that_cannot_be_judged_is_put_off_and_the_others_are_judged(stage):
    team = await stage()
    for goal in ("a", "b"):
        await team.goal(goal)
        await team.put({1: 100}, goal)
    versions = team.store.db["goal_versions"]
    (whole,) = await versions.find({"of": "acme|a"}).to_list(None)
    # It stands for whatever mistake of ours only this goal meets.
    await versions.update_one({"of": "acme|a"}, {"$set": {"body": b"{"}})
    await team.at(2)
    await team.settle()
    assert (await team.colours("a"), await team.colours("b")) == ([], ["green"])

    await versions.update_one({"of": "acme|a"}, {"$set": {"body": whole["body"]}})
    await team.settle()
    assert await team.colours("a") == []  # it is not tried all the time
    await (await team.another_judge()).step()
    assert await team.colours("a") == ["green"]


async def test_those_that_are_judged_together_with_it_are_judged_without_it(stage):
    team = await stage()
    names = [name for name in map(str, range(60)) if partition_of(4, "acme", name) == 0][:8]
    for name in names:
        await team.goal(name)
        await team.put({1: 100}, name)
    await break_off(team, names[3])
    await team.at(2)
    await team.judge.step()
    assert [await team.colours(name) for name in names] == [["green"]] * 3 + [[]] + [["green"]] * 4

    for name in names:
        await team.put({2: 60}, name)
    await team.at(3)
    team.judge._failed = {key: at - PUT_OFF_SECONDS for key, at in team.judge._failed.items()}
    before = await bundles(team)
    await team.judge.step()  # a minute later: it is tried again
    assert [len(await team.colours(name)) for name in names] == [2] * 3 + [0] + [2] * 4
    assert await bundles(team) == before + 1  # by itself: the others are told together
    assert len(team.judge._failed) == 1


async def break_off(team, goal):
    versions = team.store.db["goal_versions"]
    await versions.update_one({"of": f"acme|{goal}"}, {"$set": {"body": b"{"}})


async def bundles(team):
    return await team.store.db["outbox"].count_documents({})
