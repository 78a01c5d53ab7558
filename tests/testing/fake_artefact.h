// A model's folder as radio-export writes it, for FakeEngine.
#ifndef RADIO_TESTS_TESTING_FAKE_ARTEFACT_H_
#define RADIO_TESTS_TESTING_FAKE_ARTEFACT_H_

#include <string>

#include "config/model_manifest.pb.h"

namespace radio {

// The manifest of TestSpec (fake_engine.h), with a self-test that FakeEngine passes.
config::ModelManifest FakeManifest();

// Writes `manifest` and its files to `folder`, which is made when it is not there. The files hold
// their own names.
void WriteFakeArtefact(const std::string& folder,
                       const config::ModelManifest& manifest = FakeManifest());

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_FAKE_ARTEFACT_H_
