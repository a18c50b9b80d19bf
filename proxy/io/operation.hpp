// An operation under way: a connect, a lookup, a handshake. Whoever asked for it owns the handle;
// destroying it or giving it to the Reaper cancels, silently.
#pragma once

#include <memory>

#include "proxy/base/reaper.hpp"

namespace outrigger::io {

class Operation : public Reapable {};
using OperationPtr = std::unique_ptr<Operation>;

}  // namespace outrigger::io
