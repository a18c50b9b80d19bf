// What each command of `ctl` does: calls of the admin API, then the text that is printed. Those
// that read may be asked again and again. Free functions; blocking, one thread.
#pragma once

#include <string>
#include <vector>

#include "proxy/ctl/session.hpp"

namespace outrigger::ctl {

// Of the command line; each command knows its own.
struct Arguments {
  std::string name{};                // SERVICE or SERVICE/ROUTE; may be empty where it is optional
  std::vector<std::string> words{};  // key=value of a patch; services and ids of an undo
  std::string endpoint{};            // IP:PORT
  std::string state{};               // of a circuit or an endpoint; the level of the log
  std::string method = "GET";
  std::string url{};
  std::string file{};  // a configuration to check
  std::string ttl{};
  std::string reason{};
  bool dry_run = false;
  bool yaml = false;
  bool diff = false;
  bool follow = false;
};
using Command = Outcome (*)(Session& session, const Arguments& arguments);

Outcome show_status(Session& session, const Arguments& arguments);
Outcome show_services(Session& session, const Arguments& arguments);
Outcome show_circuits(Session& session, const Arguments& arguments);
Outcome show_endpoints(Session& session, const Arguments& arguments);
Outcome show_policy(Session& session, const Arguments& arguments);
Outcome show_overrides(Session& session, const Arguments& arguments);
Outcome show_events(Session& session, const Arguments& arguments);
Outcome show_live(Session& session, const Arguments& arguments);
Outcome show_unmatched(Session& session, const Arguments& arguments);
Outcome show_registrations(Session& session, const Arguments& arguments);
Outcome show_config(Session& session, const Arguments& arguments);
Outcome show_schema(Session& session, const Arguments& arguments);
Outcome explain(Session& session, const Arguments& arguments);

Outcome patch(Session& session, const Arguments& arguments);
Outcome force(Session& session, const Arguments& arguments);
Outcome set_endpoint(Session& session, const Arguments& arguments);
Outcome set_log(Session& session, const Arguments& arguments);
Outcome undo(Session& session, const Arguments& arguments);
Outcome clear_cache(Session& session, const Arguments& arguments);
Outcome reload(Session& session, const Arguments& arguments);
Outcome check(Session& session, const Arguments& arguments);
Outcome deregister(Session& session, const Arguments& arguments);
Outcome drain(Session& session, const Arguments& arguments);

// "/api/v1" and the path, with those parameters that have a value.
std::string target_of(const std::string& path,
                      const std::vector<std::pair<std::string, std::string>>& query = {});

}  // namespace outrigger::ctl
