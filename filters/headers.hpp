// Sets, adds and removes fields of requests on their way to the service and of its responses.
// Values from files are those of the configuration that the chain was compiled of.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filters/registry.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::filters {

// The value of a field as the policy gives it; nothing where its file was not read.
std::optional<std::string> header_value(const config::HeaderValue& header);

class Headers final : public chain::Filter {
 public:
  static void make(const Context& context, FilterList& filters);
  explicit Headers(const config::Headers& policy);

  std::string_view name() const override { return "headers"; }
  chain::Step on_request(chain::Leg& leg, void* slot) override;
  chain::Step on_response(chain::Leg& leg, void* slot) override;

 private:
  struct Edits {
    explicit Edits(const config::HeaderEdits& policy);
    void apply(http::Fields& fields, Arena& arena) const;

    std::vector<std::pair<std::string, std::string>> set;
    std::vector<std::pair<std::string, std::string>> add;
    std::vector<std::string> remove;
  };

  const Edits x_request;
  const Edits x_response;
};

}  // namespace outrigger::filters
