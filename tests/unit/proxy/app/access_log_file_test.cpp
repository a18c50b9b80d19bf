#include "proxy/app/access_log_file.hpp"

#include <gtest/gtest.h>

#include "proxy/io/file_thread.hpp"

namespace outrigger::app {
namespace {

config::Loaded logging_to(const std::string& path) {
  return config::load_text("f", "access_log: {path: " + path + "}\nservices: {}", {});
}

struct AccessLogFileTest : ::testing::Test {
  // What the next snapshot has, once every part agreed.
  std::shared_ptr<io::LineWriter> install(const config::Loaded& loaded) {
    Proposal proposal(loaded);
    log.prepare(proposal);
    EXPECT_TRUE(proposal.problems().empty());
    Snapshot snapshot;
    snapshot.config = loaded.config;
    log.commit(snapshot);
    return snapshot.access_log;
  }

  io::FileThread disk;
  int opened = 0;
  AccessLogFile log{[this](const std::string& path) {
    ++opened;
    return disk.append_to(path);
  }};
};

TEST_F(AccessLogFileTest, APathThatStaysKeepsItsFile) {
  const auto first = install(logging_to("/dev/null"));
  EXPECT_NE(first, nullptr);
  EXPECT_EQ(install(logging_to("/dev/null")), first);
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(install(logging_to("off")), nullptr);
  EXPECT_NE(install(logging_to("/dev/null")), nullptr);
  EXPECT_EQ(opened, 2);
}

TEST_F(AccessLogFileTest, AFileIsClosedOnceNobodyUsesIt) {
  auto last = install(logging_to("/dev/null"));
  const std::weak_ptr<io::LineWriter> seen = last;
  install(logging_to("off"));
  EXPECT_FALSE(seen.expired());
  last.reset();
  EXPECT_TRUE(seen.expired());
}

TEST_F(AccessLogFileTest, WhatCannotBeOpenedIsRefusedAndTheOldOneStays) {
  const auto first = install(logging_to("/dev/null"));
  const config::Loaded bad = logging_to("/absent/folder/log");
  Proposal proposal(bad);
  log.prepare(proposal);
  log.abandon();
  ASSERT_EQ(proposal.problems().size(), 1u);
  EXPECT_EQ(proposal.problems()[0].line, 1);
  EXPECT_EQ(install(logging_to("/dev/null")), first);
}

}  // namespace
}  // namespace outrigger::app
