// OUTRIGGER_ASSERT states an invariant of our own code and holds in release builds too. Nothing
// that a peer can send may reach one: what peers do wrong is handled and counted.
#pragma once

namespace outrigger {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace outrigger

#define OUTRIGGER_ASSERT(condition)                    \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::outrigger::assertion_failed(#condition, __FILE__, __LINE__))
