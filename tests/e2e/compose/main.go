// Command compose-rules reads files as Docker's programs do, with their own code.
//
//	compose-rules config FILE      what `docker compose config` makes of a Compose file, as JSON
//	compose-rules variables FILE   the variables of a file for `docker run --env-file`, as JSON
//	compose-rules dotenv FILE      the variables of a file for `env_file:` of Compose, as JSON
package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/docker/cli/pkg/kvfile"
)

// `docker compose` itself, not this library, knows the format raw: it is Docker's own.
func init() {
	dotenv.RegisterFormat("raw", func(file io.Reader, _ string, found map[string]string, lookup func(string) (string, bool)) error {
		lines, err := kvfile.ParseFromReader(file, lookup)
		for _, line := range lines {
			name, value, _ := strings.Cut(line, "=")
			found[name] = value
		}
		return err
	})
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: compose-rules config|variables|dotenv FILE")
	}
	read := map[string]func(string) (any, error){"config": config, "variables": variables, "dotenv": quoted}[os.Args[1]]
	found, err := read(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}

func config(path string) (any, error) {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithWorkingDirectory(filepath.Dir(path)), cli.WithName("test"))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func variables(path string) (any, error) {
	lines, err := kvfile.Parse(path, nil)
	found := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		found[name] = value
	}
	return found, err
}

func quoted(path string) (any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return dotenv.ParseWithLookup(file, func(string) (string, bool) { return "", false })
}
