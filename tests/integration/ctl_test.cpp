// Every command of `ctl` against a running sidecar: what it prints, its exit codes, and that
// `--json` is the body of the API.
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/certificates.hpp"
#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Finished ctl(const std::string& admin, std::vector<std::string> arguments) {
  std::vector<std::string> argv{outrigger_binary(), "ctl", "--admin", admin};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(std::move(argv));
}

class Ctl : public ::testing::Test {
 protected:
  Finished ctl(std::vector<std::string> arguments) const {
    return testing::ctl(x_sidecar.admin_address(), std::move(arguments));
  }
  // What it prints when it succeeds.
  std::string out(std::vector<std::string> arguments) const {
    const Finished done = ctl(std::move(arguments));
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(done.err, "");
    return done.out;
  }
  std::string undo() const {
    return "undo: outrigger ctl --admin " + x_sidecar.admin_address() + " undo ";
  }

  const Origin x_origin;
  const Sidecar x_sidecar{
      "services:\n"
      "  orders:\n"
      "    endpoints: {static: ['" +
      x_origin.address() +
      "']}\n"
      "    retry: {attempts: 3}\n"
      "    routes: [{name: reads, match: {path: '/v2/*'}, circuit: {open_for: 1s}}]\n"
      "  stock:\n"
      "    endpoints: {static: ['127.0.0.1:9', '127.0.0.2:9']}\n"};
};

TEST_F(Ctl, ShowsServicesCircuitsAndEndpoints) {
  x_sidecar.get("orders");
  EXPECT_TRUE(has(out({"status"}), "  ready  up "));
  EXPECT_TRUE(has(out({"status"}), "services   2, all well\n"));
  EXPECT_TRUE(has(out({"services"}), "orders   closed   1/1        0/1024       0/0     "));
  EXPECT_TRUE(has(out({"services", "stock", "-w"}), "127.0.0.2:9  eligible"));
  EXPECT_TRUE(has(out({"circuits"}), "orders/reads  closed  "));
  EXPECT_TRUE(has(out({"circuits", "orders/reads"}), "  open_for: 1s\n"));
  EXPECT_TRUE(has(out({"endpoints", "stock"}), "127.0.0.1:9  eligible  0"));
  EXPECT_TRUE(has(out({"policy", "orders"}), "retry.attempts"));
  EXPECT_TRUE(has(out({"unmatched"}), "every host was that of a service\n"));
  EXPECT_FALSE(has(out({"circuits"}), "\x1b"));
}

TEST_F(Ctl, PatchesWithAnEndAndAReasonAndTellsTheWayBack) {
  const std::string told = out({"patch", "orders", "retry.attempts=1", "timeout.request=3s",
                                "--ttl", "10m", "--reason", "INC-42"});
  EXPECT_TRUE(has(told, "orders  retry.attempts  3 -> 1   until ")) << told;
  EXPECT_TRUE(has(told, "orders  timeout.request  auto -> 3s   until ")) << told;
  EXPECT_TRUE(has(told, "m)   " + undo() + "orders\n")) << told;
  const std::string overrides = out({"overrides"});
  EXPECT_TRUE(has(overrides, "retry.attempts   1      3     local")) << overrides;
  EXPECT_TRUE(has(overrides, "INC-42")) << overrides;
  EXPECT_TRUE(has(out({"overrides", "orders", "--yaml"}), "attempts: 1"));
  EXPECT_TRUE(has(out({"config", "--diff"}), "timeout.request"));
  EXPECT_TRUE(has(out({"status"}), "overrides  2, the next ends in 9m"));
  const std::string undone = out({"undo", "orders"});
  EXPECT_TRUE(has(undone, "orders  retry.attempts  1 -> 3\n")) << undone;
  EXPECT_EQ(out({"overrides"}), "nothing differs from the file\n");
  EXPECT_TRUE(has(out({"events"}), "settings  orders  "));
}

TEST_F(Ctl, PatchesARouteAndTriesWithoutChanging) {
  EXPECT_TRUE(has(out({"patch", "orders/reads", "circuit.open_for=2s"}),
                  "orders/reads  circuit.open_for  1s -> 2s   until it is undone   "));
  EXPECT_TRUE(has(out({"patch", "orders", "retry.attempts=2", "--dry-run"}),
                  "orders  retry.attempts  3 -> 2   not changed: a dry run\n"));
  EXPECT_TRUE(has(out({"patch", "orders/reads", "circuit.open_for=null"}),
                  "orders/reads  circuit.open_for  2s -> 1s   as without an override\n"));
  EXPECT_EQ(out({"overrides"}), "nothing differs from the file\n");
}

TEST_F(Ctl, ForcesACircuitAndUndoesByTheCommandThatItTold) {
  const std::string forced = out({"force", "orders", "open", "--ttl", "8m", "--reason", "INC-42"});
  EXPECT_TRUE(has(forced, "orders  state  auto -> forced_open   until ")) << forced;
  EXPECT_EQ(x_sidecar.get("orders").status, 503);
  EXPECT_TRUE(has(out({"circuits"}), "INC-42 (local, 7m left)")) << out({"circuits"});
  EXPECT_TRUE(has(out({"status"}), "services   2, 1 in trouble"));
  ASSERT_TRUE(has(forced, undo())) << forced;
  std::string word = forced.substr(forced.find(undo()) + undo().size());
  word.pop_back();
  EXPECT_EQ(out({"undo", word}), "orders  state  forced_open -> auto\n");
  EXPECT_EQ(x_sidecar.get("orders").status, 200);
  EXPECT_EQ(out({"undo"}), "there was nothing to undo\n");
}

TEST_F(Ctl, TakesAnEndpointOutAndPutsItBack) {
  EXPECT_TRUE(has(out({"endpoint", "stock", "127.0.0.1:9", "drain", "--reason", "disk"}),
                  "stock 127.0.0.1:9  endpoint_state  auto -> drain   until it is undone   "));
  EXPECT_TRUE(has(out({"endpoints", "stock"}), "disk (local)"));
  EXPECT_TRUE(has(out({"endpoint", "stock", "127.0.0.1:9", "auto"}), "drain -> auto"));
  EXPECT_TRUE(has(out({"endpoint", "stock", "10.9.9.9:9", "disabled"}), "it is not listed now"));
}

TEST_F(Ctl, SetsTheLevelOfTheLog) {
  EXPECT_TRUE(has(out({"log", "debug", "--ttl", "1h"}), "log.level  info -> debug   until "));
  EXPECT_TRUE(has(out({"log", "auto"}), "log.level  debug -> info   as without an override\n"));
}

TEST_F(Ctl, ReloadsAndTellsWhatChanged) {
  std::string text = read_file(x_sidecar.file());
  text.replace(text.find("attempts: 3"), 11, "attempts: 4");
  replace_file(x_sidecar.file(), text);
  // The file may have been seen before we ask.
  const std::string told = out({"reload", "--reason", "rollout"});
  EXPECT_TRUE(has(told, " ms: ")) << told;
  EXPECT_TRUE(has(told, " untouched\n")) << told;
  EXPECT_TRUE(has(out({"policy", "orders", "--json"}), "\"attempts\":4"));
  replace_file(x_sidecar.file(), text + "servces: {}\n");
  const Finished refused = ctl({"reload"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_TRUE(has(refused.err, "refused: the configuration has mistakes; nothing has changed: " +
                                   x_sidecar.file().string() + ":"))
      << refused.err;
  EXPECT_TRUE(has(out({"status"}), "has 1 mistake"));
}

TEST_F(Ctl, ShowsTheConfigurationItsSchemaAndWhatACallGets) {
  EXPECT_TRUE(has(out({"config"}), "orders:\n"));
  EXPECT_TRUE(has(out({"config", "--json"}), "\"running\":"));
  EXPECT_TRUE(has(out({"schema"}), "\"$schema\""));
  EXPECT_TRUE(has(out({"explain", "GET", "http://orders/v2/x"}), "route      reads"));
  EXPECT_EQ(out({"cache", "clear", "orders"}), "orders  0 stored answers removed\n");
  const std::string file = x_sidecar.file().string();
  EXPECT_EQ(out({"check", file}), file + ": ok\n");
}

// Each read, and each write where it is told to: what the API says, byte for byte.
TEST_F(Ctl, JsonIsTheBodyOfTheApi) {
  const auto same = [&](std::vector<std::string> arguments, const std::string& path) {
    arguments.emplace_back("--json");
    EXPECT_EQ(out(arguments), x_sidecar.admin("GET", "/api/v1" + path).body) << path;
  };
  out({"force", "stock", "shadow"});
  same({"overrides"}, "/overrides");
  same({"overrides", "stock"}, "/overrides/stock");
  same({"events"}, "/events");
  same({"unmatched"}, "/unmatched");
  same({"schema"}, "/schema");
  same({"policy", "orders"}, "/services/orders/policy");
  same({"policy", "orders/reads"}, "/services/orders/policy?route=reads");
  same({"explain", "GET", "http://orders/"}, "/explain?method=GET&url=http%3A%2F%2Forders%2F");
  // Those that tell times of this moment.
  for (const std::string what : {"services", "circuits", "status"}) {
    const std::string body = out({what, "--json"});
    EXPECT_TRUE(body.starts_with("{\"")) << body;
    EXPECT_TRUE(has(body, "\"stock\"")) << body;
  }
  EXPECT_TRUE(out({"services", "stock", "--json"}).starts_with("{\"name\":\"stock\","));
  EXPECT_TRUE(out({"endpoints", "stock", "--json"}).starts_with("{\"name\":\"stock\","));
  EXPECT_TRUE(out({"circuits", "stock", "--json"}).starts_with("{\"service\":\"stock\","));
  EXPECT_TRUE(has(out({"patch", "orders", "retry.attempts=1", "--json"}), "\"attempts\":1"));
  EXPECT_EQ(out({"log", "debug", "--json"}), "{\"level\":\"debug\"}\n");
  EXPECT_EQ(out({"undo", "--json"}), "{\"removed\":3}\n");
}

// What an operation is that ctl has no command for: nobody could use it from a shell in an image
// without one.
TEST_F(Ctl, ReachesEveryOperationOfTheApi) {
  const std::string file = x_sidecar.file().string();
  const std::map<std::string, std::vector<std::string>> commands{
      {"GET /api/v1/status", {"status"}},
      {"GET /api/v1/services", {"services"}},
      {"GET /api/v1/services/{service}", {"services", "orders"}},
      {"GET /api/v1/services/{service}/policy", {"policy", "orders"}},
      {"PATCH /api/v1/services/{service}/policy", {"patch", "orders", "retry.attempts=2"}},
      {"PUT /api/v1/services/{service}/endpoints/{endpoint}/state",
       {"endpoint", "stock", "127.0.0.1:9", "drain"}},
      {"GET /api/v1/circuits", {"circuits"}},
      {"GET /api/v1/circuits/{service}", {"circuits", "orders"}},
      {"PATCH /api/v1/circuits/{service}", {"patch", "orders", "circuit.open_for=6s"}},
      {"PUT /api/v1/circuits/{service}/state", {"force", "orders", "shadow"}},
      {"GET /api/v1/circuits/{service}/{route}", {"circuits", "orders/reads"}},
      {"PATCH /api/v1/circuits/{service}/{route}", {"patch", "orders/reads", "circuit.probes=2"}},
      {"PUT /api/v1/circuits/{service}/{route}/state", {"force", "orders/reads", "shadow"}},
      {"GET /api/v1/overrides", {"overrides"}},
      {"DELETE /api/v1/overrides", {"undo"}},
      {"GET /api/v1/overrides/{service}", {"overrides", "orders"}},
      {"DELETE /api/v1/overrides/{service}", {"undo", "orders"}},
      {"GET /api/v1/events", {"events"}},
      {"GET /api/v1/live", {}},  // it goes on; see below
      {"GET /api/v1/unmatched", {"unmatched"}},
      {"DELETE /api/v1/cache/{service}", {"cache", "clear", "orders"}},
      {"GET /api/v1/config", {"config"}},
      {"POST /api/v1/config/reload", {"reload"}},
      {"POST /api/v1/config/check", {"check", file}},
      {"GET /api/v1/schema", {"schema"}},
      {"GET /api/v1/explain", {"explain", "GET", "http://orders/"}},
      {"PUT /api/v1/log", {"log", "info"}},
      {"GET /api/v1/registrations", {"registrations"}},
      {"POST /api/v1/deregister", {"deregister"}},
      {"POST /api/v1/drain", {"drain"}},
  };
  std::istringstream index(x_sidecar.admin("GET", "/").body);
  size_t operations = 0;
  for (std::string method, path; index >> method;) {
    if (!(index >> path) || !path.starts_with("/api/v1")) continue;
    ++operations;
    const auto command = commands.find(method + " " + path);
    ASSERT_NE(command, commands.end()) << method << " " << path;
    if (command->second.empty()) continue;
    EXPECT_NE(out(command->second), "") << path;
  }
  EXPECT_EQ(operations, commands.size());
}

TEST_F(Ctl, FollowsEventsAndWhatIsCalled) {
  out({"force", "stock", "shadow", "--reason", "before"});
  Process events({outrigger_binary(), "ctl", "--admin", x_sidecar.admin_address(), "events", "-f"});
  EXPECT_TRUE(eventually([&] { return has(events.out(), "before"); })) << events.err();
  out({"force", "stock", "auto", "--reason", "then"});
  EXPECT_TRUE(eventually([&] { return has(events.out(), "shadow -> auto  then  by local\n"); }))
      << events.out();
  Process live({outrigger_binary(), "ctl", "--admin", x_sidecar.admin_address(), "live"});
  EXPECT_TRUE(eventually([&] {
    x_sidecar.get("orders");
    return has(live.out(), "orders   closed   ");
  })) << live.out()
      << live.err();
  Process watched({outrigger_binary(), "ctl", "--admin", x_sidecar.admin_address(), "circuits",
                   "--watch=100ms"});
  EXPECT_TRUE(eventually([&] {
    const std::string text = watched.out();
    return text.find("SERVICE") != text.rfind("SERVICE");
  })) << watched.err();
}

TEST_F(Ctl, DrainsAndTheSidecarEnds) {
  EXPECT_TRUE(has(out({"drain", "--reason", "node"}), "draining: "));
  EXPECT_TRUE(x_sidecar.logs("\"kind\":\"drain\""));
}

TEST_F(Ctl, TellsRefusedFromNotReachedFromMistyped) {
  const Finished nobody = ctl({"services", "ordres"});
  EXPECT_EQ(nobody.code, 3);
  EXPECT_EQ(nobody.err, "refused: there is no service \"ordres\"; was \"orders\" meant?\n");
  const Finished bad = ctl({"patch", "orders", "retry.attemps=1"});
  EXPECT_EQ(bad.code, 3);
  EXPECT_TRUE(has(bad.err, "attempts")) << bad.err;
  EXPECT_EQ(ctl({"undo", "17"}).code, 3);
  EXPECT_EQ(ctl({"patch", "orders", "retry"}).code, 2);
  EXPECT_EQ(ctl({"force", "orders", "half"}).code, 2);
  EXPECT_EQ(ctl({"fly"}).code, 2);
  EXPECT_EQ(ctl({}).code, 2);
  EXPECT_EQ(testing::ctl("sidecar", {"status"}).code, 2);
  const std::string free = "127.0.0.1:" + std::to_string(free_port());
  const Finished gone = testing::ctl(free, {"status"});
  EXPECT_EQ(gone.code, 1);
  EXPECT_TRUE(gone.err.starts_with(free + ": ")) << gone.err;
  EXPECT_EQ(testing::ctl("unix:/nowhere", {"status"}).code, 1);
}

TEST_F(Ctl, FindsTheSidecarFromTheEnvironmentAndFromItsFile) {
  const std::vector<std::string> argv{outrigger_binary(), "ctl", "services"};
  const Finished by_environment =
      run(argv, Spawn{.environment = {"OUTRIGGER_ADMIN=" + x_sidecar.admin_address()}});
  EXPECT_EQ(by_environment.code, 0) << by_environment.err;
  const TempFolder folder;
  const std::string socket = "unix:" + (folder / "admin.sock").string();
  const Sidecar by_socket("admin: {address: '" + socket +
                              "'}\nmetrics: off\nservices: {orders: {endpoints: {static: "
                              "['127.0.0.1:1']}}}\n",
                          {.own_admin = true});
  const Finished by_file =
      run({outrigger_binary(), "ctl", "-c", by_socket.file().string(), "force", "orders", "open"});
  EXPECT_EQ(by_file.code, 0) << by_file.err;
  EXPECT_TRUE(has(by_file.out,
                  "undo: outrigger ctl --config " + by_socket.file().string() + " undo orders\n"))
      << by_file.out;
  EXPECT_EQ(testing::ctl(socket, {"undo", "orders"}).code, 0);
}

TEST(CtlAccess, ShowsAToken) {
  const TempFolder folder;
  replace_file(folder / "viewer", "see-me\n");
  replace_file(folder / "operator", "change-me\n");
  const auto file = [&](const char* name) { return (folder / name).string(); };
  const Sidecar sidecar(
      "admin: {address: '127.0.0.1:0', tokens: [{name: watch, role: viewer, "
      "file: " +
          file("viewer") + "}, {name: ana, role: operator, file: " + file("operator") +
          "}]}\nmetrics: off\nservices: {orders: {endpoints: {static: "
          "['127.0.0.1:1']}}}\n",
      {.own_admin = true});
  const std::string admin = sidecar.admin_address();
  const Finished without = ctl(admin, {"services"});
  EXPECT_EQ(without.code, 3);
  EXPECT_EQ(without.err, "refused: a bearer token is needed (--token-file FILE)\n");
  EXPECT_EQ(ctl(admin, {"services", "--token-file", file("viewer")}).code, 0);
  const Finished viewer = ctl(admin, {"force", "orders", "open", "--token-file", file("viewer")});
  EXPECT_EQ(viewer.code, 3);
  EXPECT_TRUE(has(viewer.err, "a viewer may not change anything")) << viewer.err;
  const Finished forced = ctl(admin, {"force", "orders", "open", "--token-file", file("operator")});
  EXPECT_EQ(forced.code, 0) << forced.err;
  EXPECT_TRUE(has(ctl(admin, {"events", "--token-file", file("viewer")}).out, "by ana"));
  EXPECT_FALSE(has(forced.out + sidecar.log(), "change-me"));
}

TEST(CtlAccess, SpeaksTlsAndChecksWhomItSpeaksTo) {
  TestAuthority authority;
  authority.issue("server", {.names = "IP:127.0.0.1"});
  authority.write("token", "change-me");
  const Sidecar sidecar(
      "admin: {address: '127.0.0.1:0', tls: {cert_file: " + authority.path("server.pem") +
          ", key_file: " + authority.path("server.key") +
          "}, tokens: [{name: ana, role: operator, file: " + authority.path("token") +
          "}]}\nmetrics: off\nservices: {orders: {endpoints: {static: "
          "['127.0.0.1:1']}}}\n",
      {.own_admin = true});
  const std::string admin = sidecar.admin_address();
  const std::vector<std::string> trusting{"services", "--ca-file", authority.path("ca.pem"),
                                          "--token-file", authority.path("token")};
  const Finished good = ctl(admin, trusting);
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_TRUE(has(good.out, "orders"));
  const Finished misnamed = ctl("localhost" + admin.substr(admin.rfind(':')), trusting);
  EXPECT_EQ(misnamed.code, 1);
  EXPECT_TRUE(has(misnamed.err, "certificate")) << misnamed.err;
  EXPECT_EQ(ctl("https://" + admin, {"services"}).code, 1);
}

}  // namespace
}  // namespace outrigger::testing
