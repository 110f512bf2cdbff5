package ometria

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Record is one record in JSON: an object with the texts @type and id. The ID must not be personal
// data. The API creates a record or merges the given fields, by type, @collection and ID.
type Record = json.RawMessage

// typeOf returns the type of a record. The error says why the API would reject it.
func typeOf(r Record) (string, error) {
	if len(r) > MaxRecordBytes {
		return "", fmt.Errorf("the record has %d bytes: want at most %d", len(r), MaxRecordBytes)
	}
	var head struct {
		Type string `json:"@type"`
		ID   string `json:"id"`
	}
	switch err := json.Unmarshal(r, &head); {
	case err != nil || !bytes.HasPrefix(bytes.TrimSpace(r), []byte("{")):
		return "", errors.New("the record is not valid: want a JSON object with the texts @type and id")
	case head.Type == "":
		return "", errors.New(`field "@type": want a type such as contact`)
	case head.ID == "":
		return "", errors.New(`field "id": want a text`)
	default:
		return head.Type, nil
	}
}
