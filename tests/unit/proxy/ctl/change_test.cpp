#include "proxy/ctl/change.hpp"

#include <gtest/gtest.h>

namespace outrigger::ctl {
namespace {

constexpr Look kLook{.now_ms = 1'764'583'200'000};  // 2025-12-01T10:00:00Z

std::string text_of(const Text& text) { return text ? *text : "failed: " + text.error(); }

std::string entry(const std::string& id, const std::string& rest) {
  return R"({"id":")" + id + R"(","layer":"admin","actor":"local","file_value":3,"replaced":3,)" +
         rest + "}";
}
std::string overrides(const std::string& entries) { return R"({"overrides":[)" + entries + "]}"; }

const ChangedKey kAttempts{{"stock", ""}, "", "retry.attempts", "3", "1"};

TEST(PatchFrom, MakesAMergePatchOfPairs) {
  const auto patch =
      patch_from({"retry.attempts=1", "circuit.open_for=30s", "retry.on=[\"connect\"]",
                  "cache=null", "limits=off", "headers.request.set.x\\.y=a=b"});
  ASSERT_TRUE(patch) << patch.error();
  EXPECT_EQ(patch->body,
            R"({"retry":{"attempts":1,"on":["connect"]},"circuit":{"open_for":"30s"},)"
            R"("cache":null,"limits":"off","headers":{"request":{"set":{"x.y":"a=b"}}}})");
  EXPECT_EQ(patch->keys.at(1), "circuit.open_for");
}

TEST(PatchFrom, SaysWhatIsNoPair) {
  EXPECT_EQ(patch_from({"retry"}).error(), "\"retry\" is not key=value, such as retry.attempts=1");
  EXPECT_FALSE(patch_from({"=1"}));
  EXPECT_EQ(patch_from({"retry=off", "retry.attempts=1"}).error(),
            "\"retry.attempts\" is given twice");
  EXPECT_FALSE(patch_from({"retry.attempts=1", "retry=off"}));
}

TEST(PolicyChanges, AreReadFromBothSides) {
  const auto patch = patch_from({"retry.attempts=1", "mirror.share=5%", "circuit=off"});
  const auto keys = policy_changes(
      R"({"policy":{"retry":{"attempts":3},"mirror":"off","circuit":{"open_for":"5s"}}})",
      R"({"policy":{"retry":{"attempts":1},"mirror":{"share":"5%"},"circuit":"off"}})",
      {"stock", ""}, *patch);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->at(0).before + keys->at(0).after, "31");
  EXPECT_EQ(keys->at(1).before + " " + keys->at(1).after, "off 5%");
  EXPECT_EQ(keys->at(2).before + " " + keys->at(2).after, "{\"open_for\":\"5s\"} off");
  EXPECT_FALSE(policy_changes("nothing", "{}", {"stock", ""}, *patch));
}

TEST(ChangeView, TellsBeforeAfterHowLongAndTheWayBack) {
  const std::string mine = entry("7", R"("service":"stock","key":"retry.attempts","value":1,
                                         "until":"2025-12-01T10:09:59.200Z")");
  EXPECT_EQ(text_of(change_view({kAttempts}, overrides(mine), kLook, "outrigger ctl")),
            "stock  retry.attempts  3 -> 1   until 10:09:59Z (10m)   undo: outrigger ctl undo "
            "stock\n");
}

TEST(ChangeView, UndoesNothingOfSomebodyElse) {
  const std::string mine = entry("7", R"("service":"stock","key":"retry.attempts","value":1)");
  const std::string other = entry("6", R"("service":"stock","key":"timeout.request","value":"1s")");
  EXPECT_EQ(text_of(change_view({kAttempts}, overrides(other + "," + mine), kLook,
                                "outrigger ctl --admin unix:/a")),
            "stock  retry.attempts  3 -> 1   until it is undone   undo: outrigger ctl --admin "
            "unix:/a undo 7\n");
}

TEST(ChangeView, OfAMapHasTheOverridesOfAllItsKeys) {
  const std::string mine = entry("7", R"("service":"stock","key":"retry.attempts","value":1)") +
                           "," + entry("8", R"("service":"stock","key":"retry.unsent","value":0)");
  EXPECT_EQ(text_of(change_view({{{"stock", ""}, "", "retry", "off", "{}"}}, overrides(mine), kLook,
                                "outrigger ctl")),
            "stock  retry  off -> {}   until it is undone   undo: outrigger ctl undo stock\n");
}

TEST(ChangeView, OfWhatReturnsToTheFileHasNoWayBack) {
  EXPECT_EQ(text_of(change_view({{{"stock", ""}, "", "retry.attempts", "1", "3"}}, overrides(""),
                                kLook, "outrigger ctl")),
            "stock  retry.attempts  1 -> 3   as without an override\n");
}

TEST(ChangeView, NamesEndpointsRoutesAndTheLog) {
  const std::string all =
      entry("7", R"("service":"stock","endpoint":"10.0.0.1:80","key":"endpoint_state",
                    "value":"drain")") +
      "," + entry("8", R"("service":"stock","route":"r","key":"state","value":"shadow")") + "," +
      entry("9", R"("key":"log.level","value":"debug")");
  const auto view = [&](const ChangedKey& key) {
    return text_of(change_view({key}, overrides(all), kLook, "outrigger ctl"));
  };
  EXPECT_EQ(view({{"stock", ""}, "10.0.0.1:80", "endpoint_state", "auto", "drain"}),
            "stock 10.0.0.1:80  endpoint_state  auto -> drain   until it is undone   undo: "
            "outrigger ctl undo 7\n");
  EXPECT_EQ(view({{"stock", "r"}, "", "state", "auto", "shadow"}),
            "stock/r  state  auto -> shadow   until it is undone   undo: outrigger ctl undo 8\n");
  EXPECT_EQ(view({{}, "", "log.level", "info", "debug"}),
            "log.level  info -> debug   until it is undone   undo: outrigger ctl undo 9\n");
}

TEST(UndoneView, TellsWhatItIsNow) {
  const std::string gone = entry("7", R"("service":"stock","key":"retry.attempts","value":1)");
  const std::string stays = entry("8", R"("service":"stock","key":"retry.unsent","value":0)");
  EXPECT_EQ(text_of(undone_view(overrides(gone + "," + stays), overrides(stays))),
            "stock  retry.attempts  1 -> 3\n");
  const std::string below =
      R"({"id":"f1","layer":"file","service":"stock","key":"retry.attempts","value":2,
          "file_value":3})";
  EXPECT_EQ(text_of(undone_view(overrides(gone + "," + below), overrides(below))),
            "stock  retry.attempts  1 -> 2\n");
  EXPECT_EQ(text_of(undone_view(overrides(""), overrides(""))), "there was nothing to undo\n");
}

TEST(DryView, SaysThatNothingChangedAndWhatTheCircuitWouldDo) {
  EXPECT_EQ(dry_view({kAttempts}, R"({"circuit":{"would_open":true,"reason":"failure_rate"}})"),
            "stock  retry.attempts  3 -> 1   not changed: a dry run\n"
            "the circuit would open at once: failure_rate\n");
}

}  // namespace
}  // namespace outrigger::ctl
