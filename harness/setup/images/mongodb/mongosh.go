// mongosh, as far as one looks at documents with it:
//
//	mongosh [-u USER -p PASSWORD] [--quiet] [--json=relaxed] [DATABASE] --eval 'db.NAME.find(FILTER, FIELDS).sort(FIELDS).toArray()'
//
// FILTER and FIELDS are JSON. The documents are printed as JSON, one a line in an array. `countDocuments(FILTER)` prints a number.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

var expression = regexp.MustCompile(`^db\.(\w+)\.(find|countDocuments)\(([^()]*)\)(?:\.sort\(([^()]*)\))?(?:\.toArray\(\))?;?$`)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	user := flag.String("u", "", "user of the database `admin`")
	password := flag.String("p", "", "the user's password")
	eval := flag.String("eval", "", "expression")
	flag.Bool("quiet", false, "taken for granted")
	flag.String("json", "relaxed", "taken for granted")
	flag.Parse()
	database := "test"
	if rest := flag.Args(); len(rest) > 0 {
		// Flags may stand behind the database, too.
		database = rest[0]
		if err := flag.CommandLine.Parse(rest[1:]); err != nil {
			return err
		}
	}
	parts := expression.FindStringSubmatch(strings.TrimSpace(*eval))
	if parts == nil {
		return fmt.Errorf("cannot evaluate %q: expected db.NAME.find(FILTER, FIELDS).sort(FIELDS).toArray() or db.NAME.countDocuments(FILTER)", *eval)
	}
	arguments, err := documents(parts[3])
	if err != nil {
		return err
	}
	sort, err := documents(parts[4])
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	address := options.Client().ApplyURI("mongodb://127.0.0.1:27017/")
	if *user != "" {
		address.SetAuth(options.Credential{Username: *user, Password: *password, AuthSource: "admin"})
	}
	client, err := mongo.Connect(ctx, address)
	if err != nil {
		return err
	}
	collection := client.Database(database).Collection(parts[1])
	if parts[2] == "countDocuments" {
		count, err := collection.CountDocuments(ctx, arguments[0])
		if err != nil {
			return err
		}
		fmt.Println(count)
		return nil
	}
	cursor, err := collection.Find(ctx, arguments[0], options.Find().SetProjection(arguments[1]).SetSort(sort[0]))
	if err != nil {
		return err
	}
	var found []bson.D
	if err := cursor.All(ctx, &found); err != nil {
		return err
	}
	fmt.Println("[")
	for _, document := range found {
		line, err := bson.MarshalExtJSON(document, false, false)
		if err != nil {
			return err
		}
		fmt.Printf("  %s\n", line)
	}
	fmt.Println("]")
	return nil
}

// documents reads JSON objects with commas between; those that are missing are empty.
func documents(text string) ([2]bson.D, error) {
	var read struct{ Of []bson.D }
	err := bson.UnmarshalExtJSON([]byte(`{"of": [`+text+`]}`), false, &read)
	documents := [2]bson.D{{}, {}}
	copy(documents[:], read.Of)
	return documents, err
}
