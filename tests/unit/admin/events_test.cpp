#include "admin/events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "admin/event_stream.hpp"
#include "tests/unit/admin/fixture.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::json;
using testing::Caller;
using ::testing::HasSubstr;
using testing::Headers;
using ::testing::Not;
using ::testing::StartsWith;

class EventsApi : public testing::AdminTest {
 protected:
  // A stream sends in a turn of its own, a batch each.
  void settle() { x_loop.advance_ms(20); }
  void publish(const std::string& kind) {
    Event event;
    event.kind = kind;
    event.service = "orders";
    x_events.publish(std::move(event));
  }
  Caller& subscribe(Headers headers = {}) {
    headers.emplace_back("accept", "text/event-stream");
    Caller& caller = begin("GET", "/api/v1/events", headers);
    settle();
    return caller;
  }
  uint64_t id(size_t index) const { return x_events.kept()[index].id; }
};

TEST_F(EventsApi, ListsWhatHappenedOldestFirst) {
  publish("circuit");
  publish("drain");
  const Json events = call("GET", "/api/v1/events").as<Json>()["events"];
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["kind"], "circuit");
  EXPECT_EQ(events[1]["kind"], "drain");
  EXPECT_EQ(events[1]["id"].get<uint64_t>(), events[0]["id"].get<uint64_t>() + 1);
  EXPECT_FALSE(events[0].contains("reason"));
}

TEST_F(EventsApi, KeepsTheLastThousand) {
  for (int i = 0; i < 1003; ++i) publish("n" + std::to_string(i));
  const Json events = call("GET", "/api/v1/events").as<Json>()["events"];
  ASSERT_EQ(events.size(), 1000U);
  EXPECT_EQ(events[0]["kind"], "n3");
  EXPECT_EQ(events[999]["kind"], "n1002");
}

TEST_F(EventsApi, TellsTheLogEachOne) {
  publish("circuit");
  ASSERT_EQ(x_logged.size(), 1U);
  EXPECT_EQ(x_logged[0].kind, "circuit");
  EXPECT_GT(x_logged[0].id, 0U);
  EXPECT_EQ(x_logged[0].wall_ms, x_context.clock.wall_ms());
}

TEST_F(EventsApi, BoundsWhatItKeepsOfALargeValue) {
  Event event;
  event.kind = "settings";
  event.after = '"' + std::string(60'000, 'x') + '"';
  x_events.publish(event);
  EXPECT_EQ(call("GET", "/api/v1/events").as<Json>()["events"][0]["after"], "(too large)");
}

TEST_F(EventsApi, GivesIdsThatGrowAcrossRestarts) {
  publish("circuit");
  x_loop.advance_ms(1000);
  const Events next(x_context.clock);
  EXPECT_GT(next.last_id(), x_events.last_id());
}

TEST_F(EventsApi, StreamsEventsAsTheyCome) {
  publish("before");
  Caller& got = subscribe();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.field("content-type"), "text/event-stream");
  EXPECT_EQ(got.field("cache-control"), "no-store");
  EXPECT_THAT(got.body, Not(HasSubstr("before")));
  publish("circuit");
  publish("drain");
  settle();
  EXPECT_THAT(got.body, HasSubstr("id: " + std::to_string(id(1)) + "\nevent: circuit\ndata: {"));
  EXPECT_THAT(got.body, HasSubstr("event: drain\ndata: {"));
  EXPECT_TRUE(got.body.ends_with("}\n\n"));
  EXPECT_FALSE(got.ended);
}

TEST_F(EventsApi, ResumesAfterTheLastEventId) {
  publish("a");
  publish("b");
  publish("c");
  const Caller& got = subscribe({{"last-event-id", std::to_string(id(0))}});
  EXPECT_THAT(got.body, StartsWith("id: " + std::to_string(id(1)) + "\nevent: b"));
  EXPECT_THAT(got.body, HasSubstr("event: c"));
  EXPECT_THAT(got.body, Not(HasSubstr("event: a")));
}

TEST_F(EventsApi, GivesEverythingToWhoComesFromAnEarlierProcess) {
  publish("a");
  EXPECT_THAT(subscribe({{"last-event-id", "5"}}).body, HasSubstr("event: a"));
  // From one whose clock ran ahead.
  EXPECT_THAT(subscribe({{"last-event-id", "9999999999999"}}).body, HasSubstr("event: a"));
  EXPECT_EQ(
      call("GET", "/api/v1/events", {{"accept", "text/event-stream"}, {"last-event-id", "abc"}})
          .status,
      400);
}

TEST_F(EventsApi, TellsHowManyWereMissed) {
  publish("first");
  const std::string first = std::to_string(id(0));
  for (int i = 0; i < 1005; ++i) publish("n" + std::to_string(i));
  const Caller& got = subscribe({{"last-event-id", first}});
  EXPECT_THAT(got.body, StartsWith("event: missed\ndata: {\"count\":5}\n\nid: "));
  EXPECT_THAT(got.body, HasSubstr("event: n1004\n"));
}

TEST_F(EventsApi, SendsNothingToASlowReaderAndCatchesUpFromTheRing) {
  Caller& got = subscribe();
  got.congested = true;
  publish("a");
  settle();
  const size_t before = got.body.size();
  for (int i = 0; i < 2000; ++i) publish("n");
  x_loop.advance_ms(60'000);
  EXPECT_EQ(got.body.size(), before);
  got.congested = false;
  got.exchange->on_sink_drained();
  settle();
  EXPECT_THAT(got.body.substr(before), StartsWith("event: missed\ndata: {\"count\":1000}"));
}

TEST_F(EventsApi, SendsInBatchesOfBoundedSize) {
  Caller& got = subscribe({{"last-event-id", "1"}});
  Event event;
  event.kind = "settings";
  event.after = '"' + std::string(4000, 'x') + '"';
  for (int i = 0; i < 100; ++i) x_events.publish(event);
  settle();
  size_t events = 0;
  for (size_t at = got.body.find("event: settings"); at != std::string::npos;
       at = got.body.find("event: settings", at + 1)) {
    ++events;
  }
  EXPECT_EQ(events, 100U);
  EXPECT_LE(got.largest_piece, EventStream::kBatchBytesMax + 5000);
}

TEST_F(EventsApi, SendsAHeartbeat) {
  Caller& got = subscribe();
  const size_t before = got.body.size();
  x_loop.advance_ms(EventStream::kHeartbeatMs);
  EXPECT_EQ(got.body.substr(before), ": \n\n");
}

TEST_F(EventsApi, BoundsTheSubscribers) {
  std::vector<Caller*> callers;
  for (size_t i = 0; i < Events::kSubscribersMax; ++i) callers.push_back(&subscribe());
  const Caller& refused = call("GET", "/api/v1/events", {{"accept", "text/event-stream"}});
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("retry-after"), "10");
  end(*callers[0]);
  EXPECT_EQ(subscribe().status, 200);
}

TEST_F(EventsApi, ForgetsASubscriberThatLeft) {
  end(subscribe());
  publish("a");
  x_loop.advance_ms(60'000);
  EXPECT_EQ(subscribe().status, 200);
}

TEST_F(EventsApi, GivesJsonToWhoDoesNotWantAStream) {
  EXPECT_EQ(call("GET", "/api/v1/events", {{"accept", "*/*"}}).field("content-type"),
            "application/json");
  EXPECT_EQ(
      call("GET", "/api/v1/events", {{"accept", "text/event-stream;q=0"}}).field("content-type"),
      "application/json");
  EXPECT_EQ(call("HEAD", "/api/v1/events", {{"accept", "text/event-stream"}}).field("content-type"),
            "application/json");
}

TEST(EventJson, StaysOnOneLineWhateverIsInIt) {
  Event event;
  event.kind = "settings";
  event.reason = "a\r\nevent: forged\x1b[31m\"";
  const std::string line = to_json(event);
  EXPECT_EQ(line.find_first_of("\r\n\x1b"), std::string::npos);
  EXPECT_EQ(Json::parse(line)["reason"], event.reason);
}

}  // namespace
}  // namespace outrigger::admin
