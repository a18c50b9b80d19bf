#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/scrape_stream.hpp"
#include "tests/unit/admin/fixture.hpp"

namespace outrigger::admin {
namespace {

using testing::AdminTest;
using testing::Caller;
using ::testing::HasSubstr;

struct ScrapeApi : AdminTest {
  ScrapeApi() { x_facts.count = 1'000; }

  Caller& scrape() { return begin("GET", "/metrics"); }
  void pass_slices(int64_t count) { x_loop.advance_ms(count); }
  void finish() { pass_slices(1'000); }
};

TEST_F(ScrapeApi, ServesOthersBetweenItsSlices) {
  const Caller& page = scrape();
  pass_slices(3);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.body, "");
  EXPECT_EQ(call("GET", "/healthz").status, 200);
  finish();
  EXPECT_TRUE(page.ended);
  EXPECT_THAT(page.body, HasSubstr("outrigger_queued{service=\"idle-999\"} 0\n"));
  EXPECT_LE(page.largest_piece, ScrapeStream::kBatchBytesMax);
}

TEST_F(ScrapeApi, WhoComesMeanwhileSharesThePage) {
  const Caller& first = scrape();
  pass_slices(3);
  const Caller& second = scrape();
  finish();
  EXPECT_EQ(x_facts.pages, 1);
  EXPECT_TRUE(second.ended);
  EXPECT_EQ(second.body, first.body);
  const Caller& third = scrape();
  finish();
  EXPECT_EQ(x_facts.pages, 2);
  EXPECT_TRUE(third.ended);
}

TEST_F(ScrapeApi, TheOthersGoOnWhenOneLeaves) {
  Caller& first = scrape();
  const Caller& second = scrape();
  pass_slices(3);
  end(first);
  finish();
  EXPECT_TRUE(second.ended);
  end(scrape());
  finish();
  EXPECT_EQ(x_facts.pages, 1);
}

TEST_F(ScrapeApi, WhoDoesNotReadCostsABoundedNumberOfPages) {
  for (int i = 0; i < 20; ++i) {
    scrape().congested = true;
    finish();
  }
  EXPECT_EQ(x_facts.pages, static_cast<int>(ScrapePages::kPagesMax));
  const Caller& reads = scrape();
  finish();
  EXPECT_TRUE(reads.ended);
  EXPECT_THAT(reads.body, HasSubstr("idle-999"));
}

TEST_F(ScrapeApi, HeadMakesNoPage) {
  const Caller& head = call("HEAD", "/metrics");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.content_length, -1);
  EXPECT_EQ(x_facts.pages, 0);
}

}  // namespace
}  // namespace outrigger::admin
