#include "tests/benchmark/operator_times.h"

#include <memory>

#include "absl/strings/match.h"

namespace radio {
namespace {

// The profiler's callbacks are plain functions.
double (*clock_seconds)() = nullptr;
std::map<std::string, double>& Totals() {
  static auto* totals = new std::map<std::string, double>;
  return *totals;
}

struct Begun : at::ObserverContext {
  double at = clock_seconds();
};

std::unique_ptr<at::ObserverContext> Begin(const at::RecordFunction& call) {
  if (!absl::StartsWith(call.name(), "radio::")) return nullptr;
  return std::make_unique<Begun>();
}

void End(const at::RecordFunction& call, at::ObserverContext* context) {
  if (context == nullptr) return;
  Totals()[call.name()] += clock_seconds() - static_cast<Begun*>(context)->at;
}

at::CallbackHandle Observe(double (*seconds)()) {
  clock_seconds = seconds;
  Totals().clear();
  return at::addThreadLocalCallback(
      at::RecordFunctionCallback(Begin, End).scopes({at::RecordScope::FUNCTION}));
}

}  // namespace

OperatorTimes::OperatorTimes(double (*seconds)()) : handle_(Observe(seconds)) {}

OperatorTimes::~OperatorTimes() { at::removeCallback(handle_); }

double OperatorTimes::Of(const std::string& name) { return Totals()[name]; }

}  // namespace radio
