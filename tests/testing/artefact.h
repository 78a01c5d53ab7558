// An exported artefact as the values that engine and self-test take.
#ifndef RADIO_TESTS_TESTING_ARTEFACT_H_
#define RADIO_TESTS_TESTING_ARTEFACT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/model_spec.h"
#include "model/self_test.h"

namespace radio {

struct Artefact {
  std::string directory;
  ModelSpec spec;
  std::string backbone_file;
  std::vector<std::string> adaptor_files;
  SelfTest self_test;
};

// Reads DIRECTORY/manifest.textproto.
absl::StatusOr<Artefact> ReadArtefact(const std::string& directory);

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_ARTEFACT_H_
