// The AdminApi is the terminal of the admin and metrics listeners: it checks who asks and how,
// finds the operation, and answers the leg, at once or when every worker has taken a change. It
// knows HTTP and nothing of what it serves (see operations.hpp). Owned by the application; control
// thread only.
#pragma once

#include <optional>
#include <string>

#include "admin/access.hpp"
#include "admin/operations.hpp"
#include "admin/scrape_stream.hpp"
#include "proxy/chain/terminal.hpp"

namespace outrigger::admin {

class AdminApi final : public chain::Terminal {
 public:
  // So long an answer waits for the workers.
  static constexpr int64_t kTakenMs = 1'000;

  // The admin address: everything, within the rules, which outlive the API.
  AdminApi(const Parts& parts, AccessRules& rules) : x_parts(parts), x_rules(&rules) {}
  // The metrics address: read-only, only what may face a network, for any Host.
  explicit AdminApi(const Parts& parts) : x_parts(parts) {}

  // The rules of the admin address, for requests from now on.
  void set_rules(AccessRules& rules) { x_rules = &rules; }

  chain::CallPtr start(chain::CallLeg leg) override;

 private:
  struct Prepared {
    Request request;
    const Operation* operation = nullptr;
    std::optional<Answer> refusal;
  };
  Prepared prepare(const http::RequestHead& head);

  const Parts x_parts;
  AccessRules* x_rules = nullptr;  // null: the metrics address
  ScrapePages x_pages{x_parts.exporter};
};

}  // namespace outrigger::admin
