#include "proxy/io/outbox.hpp"

#include <cstring>
#include <deque>

#include <gtest/gtest.h>

namespace outrigger::io {
namespace {

// Records each write.
struct Recorder final : Stream {
  using Stream::write;
  std::vector<std::string> writes;
  std::vector<size_t> piece_counts;

  void write(std::span<const std::string_view> pieces) override {
    std::string whole;
    for (std::string_view piece : pieces) whole += piece;
    writes.push_back(whole);
    piece_counts.push_back(pieces.size());
  }
  void start(StreamEvents&) override {}
  void pause_reading() override {}
  void resume_reading() override {}
  size_t unsent() const override { return 0; }
  void finish() override {}
  void abort() override {}
  bool is_broken() const override { return false; }
  std::optional<uint64_t> bytes_acked() const override { return std::nullopt; }
  Address peer() const override { return {}; }
};

struct OutboxTest : ::testing::Test {
  std::unique_ptr<Outbox> outbox = std::make_unique<Outbox>();
  Recorder a;
  Recorder b;
};

TEST_F(OutboxTest, MakesOneWriteOfWhatOneCallbackSends) {
  const std::string large(10'000, 'x');
  outbox->append(a, "head ");
  std::memcpy(outbox->reserve(a, 100), "more ", 5);
  outbox->commit(5);
  outbox->append_lasting(a, large);
  outbox->append(a, " end");
  EXPECT_TRUE(a.writes.empty());
  outbox->flush();
  ASSERT_EQ(a.writes.size(), 1u);
  EXPECT_EQ(a.writes[0], "head more " + large + " end");
  EXPECT_EQ(a.piece_counts[0], 3u);
  outbox->flush();
  EXPECT_EQ(a.writes.size(), 1u);
}

TEST_F(OutboxTest, FlushesOneStreamBeforeItGathersForAnother) {
  outbox->append(a, "1");
  outbox->append(b, "2");
  EXPECT_EQ(a.writes, std::vector<std::string>{"1"});
  outbox->append(a, "3");
  outbox->flush();
  EXPECT_EQ(b.writes, std::vector<std::string>{"2"});
  EXPECT_EQ(a.writes, (std::vector<std::string>{"1", "3"}));
}

TEST_F(OutboxTest, DropsWhatIsGatheredForAStreamThatCloses) {
  outbox->append(a, "lost");
  outbox->forget(b);
  outbox->forget(a);
  outbox->append(b, "kept");
  outbox->flush();
  EXPECT_TRUE(a.writes.empty());
  EXPECT_EQ(b.writes, std::vector<std::string>{"kept"});
}

TEST_F(OutboxTest, LosesNothingWhenThereIsMoreThanItHolds) {
  std::deque<std::string> lasting;
  std::string sent;
  for (int i = 0; i < 100; ++i) {
    lasting.emplace_back(5000 + i, static_cast<char>('a' + i % 26));
    outbox->append_lasting(a, lasting.back());
    outbox->append(a, "|");
    sent += lasting.back() + "|";
  }
  const std::string huge(3 * Outbox::kScratchBytes + 7, 'z');
  outbox->append(a, huge);
  sent += huge;
  outbox->flush();
  std::string whole;
  for (const std::string& text : a.writes) whole += text;
  EXPECT_EQ(whole, sent);
}

}  // namespace
}  // namespace outrigger::io
