// Early return for absl::Status and absl::StatusOr.
#ifndef RADIO_MODEL_BASE_STATUS_MACROS_H_
#define RADIO_MODEL_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RADIO_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                        \
    if (absl::Status radio_status_ = (expression); !radio_status_.ok()) return radio_status_; \
  } while (false)

#define RADIO_CONCAT_INNER_(a, b) a##b
#define RADIO_CONCAT_(a, b) RADIO_CONCAT_INNER_(a, b)

// RADIO_ASSIGN_OR_RETURN(auto value, Compute());
#define RADIO_ASSIGN_OR_RETURN(target, expression) \
  RADIO_ASSIGN_OR_RETURN_(RADIO_CONCAT_(radio_statusor_, __LINE__), target, expression)
#define RADIO_ASSIGN_OR_RETURN_(statusor, target, expression) \
  auto statusor = (expression);                               \
  if (!statusor.ok()) return std::move(statusor).status();    \
  target = *std::move(statusor)

#endif  // RADIO_MODEL_BASE_STATUS_MACROS_H_
