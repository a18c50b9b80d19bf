// A name server that answers for the names which a test has set; of others nothing is ever heard.
// Owned by who asks; one thread.
#pragma once

#include <memory>
#include <string>

#include "tests/support/virtual_names.hpp"

namespace outrigger::testing {

class KnownNames final : public io::NameService {
 public:
  // `names` outlives it.
  explicit KnownNames(VirtualNames& names) : x_names(names) {}

  io::OperationPtr resolve(const io::Question& question, io::ResolveEvents& events) override {
    std::string name(question.name);
    if (name.ends_with('.')) name.pop_back();
    if (!x_names.knows(name)) return std::make_unique<io::Operation>();
    return x_names.resolve(question, events);
  }
  uint64_t version() override { return x_names.version(); }

 private:
  VirtualNames& x_names;
};

}  // namespace outrigger::testing
