"""One goal that cannot be judged keeps no other from the judge."""


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
