#include "proxy/app/tls_contexts.hpp"

#include <ctime>

#include <gtest/gtest.h>

#include "tests/support/certificates.hpp"
#include "tests/support/fake_files.hpp"

namespace outrigger::app {
namespace {

config::Loaded with_listener(const testing::TestAuthority& authority,
                             const std::string& certificate = "server") {
  config::ListenerConfig listener;
  listener.name = "outbound";
  listener.tls = {authority.path(certificate + ".pem"), authority.path(certificate + ".key"), {}};
  config::Loaded loaded;
  loaded.config.listeners = {listener};
  return loaded;
}

struct TlsContextsTest : ::testing::Test {
  TlsContextsTest() {
    loop.jump_wall_ms(std::time(nullptr) * 1000 - loop.context().clock.wall_ms());
    authority.issue("server", {.valid_until_s = 1000});
    EXPECT_TRUE(install(with_listener(authority)));
    see("server.pem");
    see("server.key");
    loop.advance_ms(TlsContexts::kTogetherMs);
  }

  bool install(const config::Loaded& loaded) {
    Proposal proposal(loaded);
    contexts.prepare(proposal);
    Snapshot snapshot;
    const bool is_good = proposal.problems().empty();
    is_good ? contexts.commit(snapshot) : contexts.abandon();
    return is_good;
  }
  // The watch sees the file as it is now.
  void see(const std::string& file) {
    files.set(authority.path(file), authority.read(file));
    loop.run_until_idle();
  }
  io::TlsServerContextPtr now() { return process.listeners["outbound"].tls.get(); }
  int64_t expires_in_s() { return now()->expires_unix_s() - std::time(nullptr); }

  testing::TestAuthority authority;
  testing::VirtualLoop loop;
  testing::FakeFiles files{loop};
  Process process{upstream::UpstreamContext{}};
  TlsContexts contexts{loop.context(), files, process};
};

TEST_F(TlsContextsTest, WhatIsSeenFirstIsWhatWasLoaded) {
  const auto loaded = now();
  see("server.pem");
  loop.advance_ms(1000);
  EXPECT_EQ(now(), loaded);
  EXPECT_EQ(files.watches(authority.path("server.pem")), 1U);
}

TEST_F(TlsContextsTest, TheFilesOfOneRotationAreLoadedTogether) {
  const auto before = now();
  authority.issue("server", {.valid_until_s = 5000});
  see("server.pem");
  loop.advance_ms(TlsContexts::kTogetherMs - 1);
  see("server.key");
  EXPECT_EQ(now(), before);
  loop.advance_ms(TlsContexts::kTogetherMs);
  EXPECT_GT(expires_in_s(), 4000);
}

TEST_F(TlsContextsTest, AnotherConfigurationIsLoadedAtOnceAndItsFilesAreWatchedAlone) {
  EXPECT_FALSE(install(with_listener(authority, "other")));
  EXPECT_EQ(files.watches(authority.path("other.pem")), 0U);
  authority.issue("other", {.valid_until_s = 7000});
  EXPECT_TRUE(install(with_listener(authority, "other")));
  EXPECT_GT(expires_in_s(), 6000);
  EXPECT_EQ(files.watches(authority.path("other.pem")), 1U);
  EXPECT_EQ(files.watches(authority.path("server.pem")), 0U);
}

TEST_F(TlsContextsTest, WhatCannotBeUsedChangesNothingUntilItIsMended) {
  const auto before = now();
  files.remove(authority.path("server.pem"));
  loop.advance_ms(1000);
  EXPECT_EQ(now(), before);
  authority.issue("server", {.valid_until_s = 5000});
  see("server.key");
  loop.advance_ms(1000);
  EXPECT_EQ(now(), before);
  see("server.pem");
  loop.advance_ms(1000);
  EXPECT_GT(expires_in_s(), 4000);
}

}  // namespace
}  // namespace outrigger::app
