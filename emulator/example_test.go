package emulator_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/sando-dev/sando/emulator"
)

func Example() {
	server := httptest.NewServer(emulator.New(emulator.Options{}))
	defer server.Close()

	request, err := http.NewRequest(http.MethodGet, server.URL+emulator.BasePath+"/orgs/my", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d %s\n", response.StatusCode, body)
	// Output: 200 {"org":{"id":10,"companyName":"Stark industries","domain":"stark.com","creationTime":"2020-01-01T00:00:00.000Z"}}
}
