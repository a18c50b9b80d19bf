#include "proxy/io/search_list.hpp"

#include <cstdio>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace outrigger::io {
namespace {

using ::testing::ElementsAre;

TEST(SearchList, ANameWithADotAtItsEndIsNeverCompleted) {
  const SearchList list{.domains = {"corp.test"}, .ndots = 5};
  EXPECT_THAT(list.names_for("web."), ElementsAre("web."));
  EXPECT_THAT(list.names_for("web.ns."), ElementsAre("web.ns."));
}

TEST(SearchList, ANameWithFewDotsIsTriedAsItIsWrittenLast) {
  const SearchList list{.domains = {"ns.svc.test", "svc.test"}, .ndots = 2};
  EXPECT_THAT(list.names_for("web"), ElementsAre("web.ns.svc.test.", "web.svc.test.", "web."));
  EXPECT_THAT(list.names_for("web.ns"),
              ElementsAre("web.ns.ns.svc.test.", "web.ns.svc.test.", "web.ns."));
  EXPECT_THAT(list.names_for("a.b.c"),
              ElementsAre("a.b.c.", "a.b.c.ns.svc.test.", "a.b.c.svc.test."));
}

TEST(SearchList, TheRootAsADomainIsTheNameAsItIsWritten) {
  EXPECT_THAT((SearchList{.domains = {"."}, .ndots = 1}.names_for("web")), ElementsAre("web."));
  EXPECT_THAT((SearchList{.domains = {".", "corp.test."}, .ndots = 1}.names_for("web")),
              ElementsAre("web.", "web.corp.test."));
  EXPECT_THAT((SearchList{.domains = {""}, .ndots = 1}.names_for("web")), ElementsAre("web."));
}

struct SearchListOfSystem : ::testing::Test {
  ~SearchListOfSystem() override { std::remove(path.c_str()); }
  SearchList read(const std::string& text) const {
    std::ofstream(path) << text;
    return SearchList::of_system(path);
  }
  const std::string path = ::testing::TempDir() + "outrigger_search_" + std::to_string(getpid());
};

TEST_F(SearchListOfSystem, ReadsWhatKubernetesWrites) {
  const SearchList list = read(
      "search ns.svc.cluster.local svc.cluster.local\tcluster.local\n"
      "nameserver 10.96.0.10\noptions ndots:5 timeout:2\n");
  EXPECT_THAT(list.domains,
              ElementsAre("ns.svc.cluster.local", "svc.cluster.local", "cluster.local"));
  EXPECT_EQ(list.ndots, 5);
}

TEST_F(SearchListOfSystem, OfSeveralLinesTheLastOneCounts) {
  EXPECT_THAT(read("search a.test b.test\ndomain c.test d.test\n").domains, ElementsAre("c.test"));
  EXPECT_EQ(read("options ndots:3\noptions ndots:99\n").ndots, 15);
}

TEST_F(SearchListOfSystem, WhatIsNoLineOfItIsPassedOver) {
  const SearchList list = read("# search no.test\n; x\n\nsearch .\noptions ndots:x edns0\n");
  EXPECT_THAT(list.domains, ElementsAre("."));
  EXPECT_EQ(list.ndots, 1);
}

TEST_F(SearchListOfSystem, TheEnvironmentCountsMore) {
  ::setenv("LOCALDOMAIN", "env.test", 1);
  ::setenv("RES_OPTIONS", "ndots:4", 1);
  const SearchList list = read("search file.test\noptions ndots:2\n");
  ::unsetenv("LOCALDOMAIN");
  ::unsetenv("RES_OPTIONS");
  EXPECT_THAT(list.domains, ElementsAre("env.test"));
  EXPECT_EQ(list.ndots, 4);
}

}  // namespace
}  // namespace outrigger::io
