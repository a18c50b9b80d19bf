#include "proxy/app/tls_contexts.hpp"

#include <ctime>

#include <gtest/gtest.h>

#include "proxy/app/named_files.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/fake_files.hpp"

namespace outrigger::app {
namespace {

struct TlsContextsTest : ::testing::Test {
  TlsContextsTest() {
    loop.jump_wall_ms(std::time(nullptr) * 1000 - loop.context().clock.wall_ms());
    authority.issue("server", {.valid_until_s = 1000});
    see("server.pem");
    see("server.key");
    EXPECT_TRUE(install("server"));
    settle();
  }

  bool install(const std::string& certificate) {
    const config::Loaded loaded = config::load_text(
        "f",
        "listeners: [{name: outbound, address: '127.0.0.1:1', tls: {cert_file: '" +
            authority.path(certificate + ".pem") + "', key_file: '" +
            authority.path(certificate + ".key") + "'}}]",
        {});
    bool is_good = false;
    named.fetch(loaded.named, [&] { is_good = put_in_force(loaded); });
    settle();
    return is_good;
  }
  bool put_in_force(const config::Loaded& loaded) {
    Proposal proposal(loaded, [this](const std::string& path) { return named.bytes(path); });
    for (config::Problem& problem : named.problems(loaded.named)) {
      proposal.refuse(std::move(problem));
    }
    contexts.prepare(proposal);
    Snapshot snapshot;
    if (!proposal.problems().empty()) return contexts.abandon(), false;
    contexts.commit(snapshot);
    named.watch(loaded.named);
    return true;
  }
  // The watch sees the file as it is now.
  void see(const std::string& file) {
    files.set(authority.path(file), authority.read(file));
    loop.run_until_idle();
  }
  void settle() { loop.advance_ms(NamedFiles::kTogetherMs); }
  io::TlsServerContextPtr now() { return process.listeners["outbound"].tls.get(); }
  int64_t expires_in_s() { return now()->expires_unix_s() - std::time(nullptr); }

  testing::TestAuthority authority;
  testing::VirtualLoop loop;
  testing::FakeFiles files{loop};
  Process process{upstream::UpstreamContext{}};
  TlsContexts contexts{loop.context().clock, process};
  NamedFiles named{loop.context(), files, [this](const NamedFiles::Paths& changed) {
                     contexts.rotate(changed,
                                     [this](const std::string& path) { return named.bytes(path); });
                   }};
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
  loop.advance_ms(NamedFiles::kTogetherMs - 1);
  see("server.key");
  EXPECT_EQ(now(), before);
  settle();
  EXPECT_GT(expires_in_s(), 4000);
}

TEST_F(TlsContextsTest, AnotherConfigurationIsLoadedAtOnceAndItsFilesAreWatchedAlone) {
  EXPECT_FALSE(install("other"));
  EXPECT_EQ(files.watches(authority.path("other.pem")), 0U);
  authority.issue("other", {.valid_until_s = 7000});
  see("other.pem");
  see("other.key");
  EXPECT_TRUE(install("other"));
  EXPECT_GT(expires_in_s(), 6000);
  EXPECT_EQ(files.watches(authority.path("other.pem")), 1U);
  EXPECT_EQ(files.watches(authority.path("server.pem")), 0U);
}

TEST_F(TlsContextsTest, WhatCannotBeUsedChangesNothingUntilItIsMended) {
  const auto before = now();
  files.remove(authority.path("server.pem"));
  loop.advance_ms(1000);
  EXPECT_EQ(now(), before);
  EXPECT_EQ(named.failing(), 1U);
  authority.issue("server", {.valid_until_s = 5000});
  see("server.key");
  loop.advance_ms(1000);
  EXPECT_EQ(now(), before);
  see("server.pem");
  loop.advance_ms(1000);
  EXPECT_GT(expires_in_s(), 4000);
  EXPECT_EQ(named.failing(), 0U);
  EXPECT_EQ(named.errors(), 1U);
}

TEST_F(TlsContextsTest, AnotherConfigurationKeepsACertificateWhoseFileIsGone) {
  const auto before = now();
  files.remove(authority.path("server.pem"));
  loop.advance_ms(1000);
  EXPECT_TRUE(install("server"));
  EXPECT_EQ(now(), before);
}

}  // namespace
}  // namespace outrigger::app
